package suggest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/stages/whitelist"
)

// List is a whitelist of the entry alone, as if a reason were given, for the events that set is for.
func (e *Entry) List(set *rules.Set) (*whitelist.List, error) { return e.listAt(set, time.Now()) }

func (e *Entry) listAt(set *rules.Set, now time.Time) (*whitelist.List, error) {
	source := rules.Source{Name: "suggestion", Data: []byte(e.yaml("any"))}
	list, problems := whitelist.Parse(whitelist.Config{}, []rules.Source{source}, set, now)
	if err := rules.Err(problems); err != nil {
		return nil, fmt.Errorf("the entry would not be accepted: %w", err)
	}
	return list, nil
}

// prove asks the whitelist itself, with the entry in it, about an event that is made of the alert's fields. It
// returns why that does not show that the entry covers the alert, or "". It is an error when the entry would not be
// accepted.
func prove(e *Entry, a *pipeline.Alert) (string, error) {
	cfg := rules.DefaultConfig()
	cfg.Given = true
	set, err := rules.Parse(cfg, nil)
	if err != nil {
		return "", err
	}
	list, err := e.listAt(set, a.Time)
	if err != nil {
		return "", err
	}
	fields := field.Given{}
	for name, value := range a.OutputFields {
		give(fields, name, value)
	}
	for _, t := range e.Terms {
		if _, has := a.OutputFields[t.Field]; !has { // it was read out of another field
			give(fields, t.Field, t.Value)
		}
	}
	ev := &pipeline.Event{Time: a.Time.UnixNano(), Source: a.Source, Host: a.Hostname, Proc: fields.Process(), Extra: fields}
	types := typesOf(a)
	if e.structured() {
		types, ev.Extra = []pipeline.EventType{pipeline.EventJSON}, members(e.Terms)
	}
	for _, ev.Type = range types {
		if _, ok := list.Bypass(e.Rule, ev); ok {
			return "", nil
		}
	}
	return "asked about an event with the alert's fields, the entry does not apply", nil
}

// structured reports whether the entry is about a structured event.
func (e *Entry) structured() bool { return strings.HasPrefix(e.Terms[0].Field, "event.") }

// members are the terms as the payload that they came from.
func members(terms []Term) map[string]any {
	root := map[string]any{}
	for _, t := range terms {
		at, keys := root, strings.Split(t.Field, ".")[1:]
		for _, k := range keys[:len(keys)-1] {
			below, ok := at[k].(map[string]any)
			if !ok {
				below = map[string]any{}
				at[k] = below
			}
			at = below
		}
		at[keys[len(keys)-1]] = t.Value
	}
	return root
}

// give gives a field its value as far as it can have one: output_fields hold more than fields.
func give(fields field.Given, name string, value any) {
	o, n, err := syntax.ParseOperand(syntax.FixedText(name, syntax.Pos{}))
	if err != nil || n != len(name) || o.Kind != syntax.FieldOperand {
		return
	}
	ref, err := field.Lookup(o)
	if err != nil {
		return
	}
	if number, ok := value.(json.Number); ok {
		value = number.String()
	}
	if text, ok := value.(string); ok && ref.Def.Type.IsNumber() {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return
		}
		value = n
	}
	_ = fields.Set(o, value) // a value that the field cannot have leaves it null, and no null makes an entry apply
}

// typesOf are the kinds of event that the alert may be of: any, where it does not say.
func typesOf(a *pipeline.Alert) []pipeline.EventType {
	name, _ := a.OutputFields["evt.type"].(string)
	types := filter.EventTypesNamed(name)
	if name != "" {
		return types
	}
	for t := pipeline.EventUnknown + 1; t < pipeline.NumEventTypes; t++ {
		types = append(types, t)
	}
	return types
}
