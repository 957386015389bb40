// Package rules loads rule files in Falco's format: lists, macros, rules, and the keys this project
// adds (window, dedupe, labels, annotations, runbook, desc_zh). It hands out compiled rules and every
// complaint with file, line and column; it never evaluates anything.
//
// Files are compiled one after the other: one that needs a later one is wrong. Conditions are put together
// as text (lists, appends, exceptions) before they are parsed; every byte keeps its place in a file.
//
// Loading never stops at a bad rule. Whoever loads decides what an Error among the Problems means; a
// rule that has one is not in the Set.
package rules
