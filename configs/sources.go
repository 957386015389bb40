package configs

import (
	"fmt"
	"maps"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/tocsin-security/tocsin/api"
	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/stages/finding"
)

// Sources are the sources of structured events by name.
type Sources map[string]payload.Config

// SourceNames are all sources that events can be posted for, the default one first. Those with an address of their
// own are not among them.
func (c *Config) SourceNames() []string {
	names := []string{rules.SourceJSON}
	for _, name := range slices.Sorted(maps.Keys(c.Sources)) {
		if name != rules.SourceJSON {
			names = append(names, name)
		}
	}
	return names
}

// OwnSources are the sources that are always there and have an address of their own: scanners' reports, Tetragon's
// export, CloudEvents.
func OwnSources() (map[string]*payload.Schema, error) {
	all, schemas := map[string]*payload.Schema{}, finding.Schemas()
	maps.Copy(schemas, api.Schemas())
	for name, members := range schemas {
		schema, err := payload.NewSchema(members)
		if err != nil {
			return nil, fmt.Errorf("schema of %s: %w", name, err)
		}
		all[name] = schema
	}
	return all, nil
}

// validateSources checks names and schemas, and hands the schemas to the rules.
func (f *file) validateSources(body ast.Node, c *Config) {
	c.Rules.Sources = make(map[string]*payload.Schema, len(c.Sources))
	own, err := OwnSources()
	f.invalid(body, "sources", err)
	maps.Copy(c.Rules.Sources, own)
	for _, name := range slices.Sorted(maps.Keys(c.Sources)) {
		path := "sources." + name
		if _, ok := own[name]; ok {
			f.invalid(body, path, fmt.Errorf("%q is a source of its own: what is posted to /api/v1/%s", name, name))
			continue
		}
		f.invalid(body, path, payload.ValidateSource(name))
		schema, err := payload.NewSchema(c.Sources[name].Schema)
		f.invalid(body, path+".schema", err)
		c.Rules.Sources[name] = schema
	}
}
