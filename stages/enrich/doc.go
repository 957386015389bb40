// Package enrich adds to an event's process what the kernel does not know: the names of its user and
// group, and what the container runtime says of its container.
//
// Process belongs to the goroutine that decodes; it takes what is known at that moment and never waits
// for a runtime. Run watches the runtimes and may be left out: then containers have only their id.
package enrich
