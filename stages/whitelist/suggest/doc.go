// Package suggest writes the narrowest whitelist entry that would have kept an alert quiet: for its rule alone,
// its image and namespace, its program and what started that, and the folder or the remote end that it was
// about. It writes no reason: that is for whoever answers for the entry, and without one it is refused.
//
// Values of an alert are an attacker's to choose. They are quoted for YAML and, where they would be read as a
// pattern, escaped, so that each stands for itself.
package suggest
