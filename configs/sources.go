package configs

import (
	"maps"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/rules"
)

// Sources are the sources of structured events by name.
type Sources map[string]payload.Config

// SourceNames are all sources of structured events, the default one first.
func (c *Config) SourceNames() []string {
	names := []string{rules.SourceJSON}
	for _, name := range slices.Sorted(maps.Keys(c.Sources)) {
		if name != rules.SourceJSON {
			names = append(names, name)
		}
	}
	return names
}

// validateSources checks names and schemas, and hands the schemas to the rules.
func (f *file) validateSources(body ast.Node, c *Config) {
	c.Rules.Sources = make(map[string]*payload.Schema, len(c.Sources))
	for _, name := range slices.Sorted(maps.Keys(c.Sources)) {
		path := "sources." + name
		f.invalid(body, path, payload.ValidateSource(name))
		schema, err := payload.NewSchema(c.Sources[name].Schema)
		f.invalid(body, path+".schema", err)
		c.Rules.Sources[name] = schema
	}
}
