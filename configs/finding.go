package configs

import (
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/tocsin-security/tocsin/rules"
)

// find notes something that does not keep the configuration from being used: it is in Loaded.Findings, which
// `tocsin check` prints and a start logs. An error among them is one for `tocsin check` alone: whoever starts
// tocsin with it wants all the rest.
func (f *file) find(severity rules.Severity, at ast.Node, message, hint string) {
	p := Problem{File: f.name, Severity: severity, Message: message, Hint: hint}
	if at != nil {
		p.Line, p.Col = position(at.GetToken())
	}
	if !slices.Contains(f.findings, p) { // what is merged into others is looked at once for each
		f.findings = append(f.findings, p)
	}
}

// Errors are the findings that make `tocsin check` fail.
func (l *Loaded) Errors() []error {
	var all []error
	for _, p := range l.Findings {
		if p.Severity == rules.Error {
			all = append(all, p)
		}
	}
	return all
}
