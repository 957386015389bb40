// Package rules loads rule files in Falco's format: lists, macros, rules, and the keys this project
// adds (window, dedupe, labels, annotations, runbook, desc_zh). It hands out compiled rules and every
// complaint with file, line and column; it never evaluates anything.
//
// Loading never stops at a bad rule. Whoever loads decides what an Error among the Problems means; a
// rule that has one is not in the Set.
package rules
