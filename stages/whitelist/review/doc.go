// Package review looks at a whitelist from the side: which entries have expired or soon will, which nobody
// needed, which let too much pass, which do nothing because an earlier one does it all, and which two are
// for the same event. It changes nothing and reads no file; how often entries were used it is told
// (pipeline.WhitelistUsage).
//
// It claims what it can prove and is silent about the rest. That an entry is shadowed is shown by
// derivation from the conditions (implies.go); that two overlap by an event, made up field by field, that
// both let pass when the engine is asked (witness.go). Both derivations give up where they would take long,
// so there can be more of either than is said.
package review
