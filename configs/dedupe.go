package configs

import (
	"github.com/goccy/go-yaml/ast"

	"github.com/tocsin-security/tocsin/rules"
)

// validateDedupe checks the settings, and the fields of the identity of all rules: a mistake there would
// make every occurrence an alert, or none.
func (f *file) validateDedupe(body ast.Node, c *Config) {
	f.invalid(body, "dedupe", c.Dedupe.Validate())
	for _, err := range rules.ValidateIdentity(c.Dedupe.By) {
		f.invalid(body, "dedupe", err)
	}
}
