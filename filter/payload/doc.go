// Package payload is the condition language of structured events: expr-lang expressions over the JSON
// that somebody posted, under the name event. It compiles conditions and output texts, checks both
// against a schema where there is one, and evaluates them; it knows no rule and makes no alert.
//
// It differs from expr in one thing, and on purpose: what is missing or of another type never makes a
// comparison hold and is never an error, as in rules for the kernel (docs/json-rules.md has the table).
// expr parses, checks types and runs; every operator that could stumble over nil is exchanged for ours
// before it compiles (nullSafe).
//
// Events come from outside, so evaluation is bounded in steps and memory whatever they hold, and
// expressions have no clock, no randomness and nothing that waits.
package payload
