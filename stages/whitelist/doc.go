// Package whitelist holds the exceptions people have granted: which rules do not fire, on what, why,
// who says so, when and until when. They live in files of their own, so that rule files stay as their
// vendors wrote them.
//
// An exception is asked for only when a rule is about to fire (List.Bypass), and every time it applies
// is counted (Counts), with an alert now and then as a sample of what nobody is told. What is not known never
// makes an exception apply: in doubt the alert goes out. Package account, below this one, adds up what the
// processes of a fleet count.
package whitelist
