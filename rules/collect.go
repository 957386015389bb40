package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// collector gathers what the files define, element by element. Nothing is compiled here: a rule may use
// macros and lists that come later in its file.
type collector struct {
	cfg      Config
	problems problems
	lists    catalog[*list]
	macros   catalog[*macro]
	rules    catalog[*definition]
	docs     map[string]*Document
	sequence int // counts definitions, for what may refer to what
	touched  touched
}

func newCollector(cfg Config) *collector {
	c := &collector{cfg: cfg, docs: map[string]*Document{}}
	c.problems.docs = c.docs
	return c
}

// Keys of each kind of element: Falco's, then ours.
var knownKeys = map[string][]string{
	"list":  {"list", "items", "append", "override"},
	"macro": {"macro", "condition", "append", "override"},
	"rule": {"rule", "condition", "output", "desc", "priority", "source", "enabled", "tags", "exceptions", "warn_evttypes",
		"skip-if-unknown-filter", "capture", "capture_duration", "append", "override",
		"window", "dedupe", "labels", "annotations", "runbook", "desc_zh"},
	"required_engine_version":  {"required_engine_version"},
	"required_plugin_versions": {"required_plugin_versions"},
}

// kinds in the order in which a key decides what an element is.
var kinds = []string{"required_engine_version", "required_plugin_versions", "list", "macro", "rule"}

func (c *collector) file(src Source) {
	c.touched = touched{names: map[string]bool{}, rules: map[string]bool{}}
	doc, items, err := ParseDocument(src.Name, src.Data)
	c.docs[src.Name] = doc
	if err != nil {
		code := ErrYAMLValidate
		if syntax.AsError(err).Cause != nil {
			code = ErrYAMLParse
		}
		c.problems.err(Error, code, "", syntax.Pos{File: src.Name}, err)
	}
	for i := range items {
		c.element(&items[i])
	}
}

func (c *collector) element(it *Item) {
	kind := slices.IndexFunc(kinds, it.Has)
	if kind < 0 {
		hint := ""
		for i := 0; i < len(it.Keys) && hint == ""; i++ {
			hint = syntax.DidYouMean(it.Keys[i].Name, kinds)
		}
		c.problems.add(Warning, UnknownItem, "", it.At, "neither rule, macro nor list: ignored", hint)
		return
	}
	c.unknownKeys(it.Keys, knownKeys[kinds[kind]])
	name, err := required(it, kinds[kind])
	if err == nil {
		c.sequence++
		switch kinds[kind] {
		case "required_engine_version":
			err = checkEngine(name)
		case "required_plugin_versions":
			err = checkPlugins(it)
		case "list":
			err = c.list(it, name.String())
		case "macro":
			err = c.macro(it, name.String())
		case "rule":
			err = c.rule(it, name.String())
		}
	}
	if err != nil {
		c.problems.err(Error, ErrYAMLValidate, name.String(), it.At, err)
	}
}

// unknownKeys warns about keys that nobody reads.
func (c *collector) unknownKeys(keys []Key, known []string) {
	for _, k := range keys {
		if !slices.Contains(known, k.Name) {
			c.problems.add(Warning, UnknownKey, "", k.At, fmt.Sprintf("unknown key %q: ignored", k.Name), syntax.DidYouMean(k.Name, known))
		}
	}
}

// required reads a key that must be there and not be empty.
func required(it *Item, key string) (syntax.Text, error) {
	k, ok := it.Get(key)
	if !ok {
		return syntax.Text{}, syntax.Errorf(it.At, "%s is missing", key)
	}
	if !k.IsScalar() && key == "required_plugin_versions" {
		return syntax.Text{}, nil // a list; checkPlugins reads it
	}
	t, err := k.Text()
	if err == nil && strings.TrimSpace(t.String()) == "" {
		err = syntax.Errorf(k.At, "%s is empty", key)
	}
	return t, err
}
