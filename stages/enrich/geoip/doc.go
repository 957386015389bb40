// Package geoip says where addresses are, by files in MaxMind's format: country, city, and who runs the
// network. It shows that in alerts too (Locate).
//
// Files are mapped, not read: what a lookup touches is in memory. They are looked at again and again (Run), as
// programs that fetch new ones put them in place by renaming. A file that is missing, half-written or broken is
// logged and counted, and what was known before stays; no alert ever waits for it, or fails by it.
//
// Trap: a file that is overwritten in place while it is mapped can have its pages taken away. A lookup notices
// and answers that it does not know (lookup.go); the next look takes the file as it is then.
package geoip
