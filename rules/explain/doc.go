// Package explain says about a rule what its author wants to know: what it asks, in which order, how it is
// found, what it needs, and whether it can fire here at all (Judge). A Meter beside the live engine counts
// and times the parts of its condition. Nothing here decides which rules fire.
package explain
