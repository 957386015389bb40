// Package syntax turns the text of a condition into a tree, and a tree back into text. It knows the
// grammar of Falco's rule language and nothing of fields, types or events: "proc.nmae = bash" parses;
// package filter refuses it.
//
// Every byte of a condition keeps the place in the rule file it came from (Text), through list
// substitution, appends and YAML folding, so that any later complaint can point at line and column.
package syntax
