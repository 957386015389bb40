// Package tetragon reads what Tetragon exports as JSON, an event a line, and makes of each a structured event with
// the members that docs/intake.md lists: the same for every kind of event, so that a rule reads the process, the pod
// and the container in one place. It posts nothing and asks no rule.
//
// It was written against Tetragon's protocol definition (events of 1.x); what it does not know of an event, it
// leaves out.
package tetragon
