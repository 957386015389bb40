// Package owner says whose an alert is: the first entry whose matchers hold for its labels gives it a team, the
// group on call, a runbook, and more labels and annotations, by which routes and templates know.
//
// What a rule sets itself stays: the rule knows what happened, an owner only where. The fingerprint stays too,
// so that a change of owners makes nothing new that is known.
package owner
