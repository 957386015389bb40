package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// fewestSteps make a sequence.
const fewestSteps = 2

// windowStep is a step as it is written: it has a condition of its own, or the name of a rule that has one.
type windowStep struct {
	name      string
	at        syntax.Pos
	condition syntax.Text
	rule      syntax.Text
}

// sequence reads the steps of a window.
func (x *windowReader) sequence(k Key) error {
	entries, err := k.Entries()
	if err != nil {
		e := *syntax.AsError(err)
		e.Hint = "write " + windowExamples["sequence"]
		return &e
	}
	if n := len(entries); n < fewestSteps || n > pipeline.MaxSteps {
		return syntax.Errorf(k.At, "%s has %d steps: it needs %d to %d", k.Name, n, fewestSteps, pipeline.MaxSteps)
	}
	names := map[string]bool{}
	for i, entry := range entries {
		entry.Name = fmt.Sprintf("%s[%d]", k.Name, i)
		s, err := x.step(entry)
		if err != nil {
			return err
		}
		if s.name == "" {
			s.name = fmt.Sprintf("step %d", i+1)
		}
		if names[s.name] {
			return syntax.Errorf(s.at, "%s: two steps have the name %q", k.Name, s.name)
		}
		names[s.name] = true
		x.steps = append(x.steps, s)
	}
	return nil
}

// step reads one step. A step without a name has that of its rule.
func (x *windowReader) step(k Key) (windowStep, error) {
	s := windowStep{at: k.At}
	if !k.isMapping() {
		return s, &syntax.Error{At: k.At, Msg: k.Name + " must be a mapping", Hint: "write {name: …, condition: …} or {name: …, rule: …}"}
	}
	keys, err := k.Keys()
	if err != nil {
		return s, err
	}
	for _, m := range keys {
		if err := known(m, k.Name, []string{"name", "condition", "rule"}); err != nil {
			return s, err
		}
		name := m.Name
		m.Name = k.Name + "." + name
		t, err := m.Text()
		if err == nil && strings.TrimSpace(t.String()) == "" {
			err = syntax.Errorf(m.At, "%s is empty", m.Name)
		}
		if err != nil {
			return s, err
		}
		switch name {
		case "name":
			s.name, s.at = strings.TrimSpace(t.String()), t.Pos(0)
		case "condition":
			s.condition = t
		case "rule":
			s.rule = t.Trim()
		}
	}
	if (s.condition.String() == "") == (s.rule.String() == "") {
		return s, syntax.Errorf(k.At, "%s: a step has either a condition or the name of a rule", k.Name)
	}
	if s.name == "" {
		s.name = s.rule.String()
	}
	return s, nil
}

// text is what a step asks. It is empty for a rule that a later file may define.
func (b *builder) text(r *Rule, s windowStep) (syntax.Text, error) {
	name := s.rule.String()
	if name == "" {
		return s.condition, nil
	}
	at := s.rule.Pos(0)
	d, ok := b.expander.collected.rules.byName[name]
	switch {
	case !ok && b.expander.partial:
		return syntax.Text{}, nil
	case !ok:
		others := slices.DeleteFunc(slices.Clone(b.expander.collected.rules.names), func(other string) bool { return other == r.Name })
		return syntax.Text{}, semantic(at, syntax.DidYouMean(name, others), "there is no rule %q", name)
	case name == r.Name:
		return syntax.Text{}, semantic(at, "", "a step cannot be the rule itself")
	case d.isSequence():
		return syntax.Text{}, semantic(at, "name the rules of its steps instead", "a step cannot be another sequence: %q", name)
	case d.source() != r.Source:
		return syntax.Text{}, semantic(at, "", "rule %q is for source %s, this one for %s", name, d.source(), r.Source)
	}
	condition, err := required(d.item, "condition")
	if err != nil {
		return syntax.Text{}, err
	}
	return guarded(condition, d.exceptions), nil
}

// isSequence reports a rule whose window has steps.
func (d *definition) isSequence() bool {
	_, ok := d.sequence()
	return ok
}

func (d *definition) sequence() (Key, bool) {
	window, ok := d.item.Get("window")
	if !ok || !window.isMapping() {
		return Key{}, false
	}
	item, err := window.item()
	if err != nil {
		return Key{}, false
	}
	return item.Get("sequence")
}

// stepWords are the words of the steps' own conditions. What is wrong with the steps is said elsewhere.
func (d *definition) stepWords() []string {
	k, ok := d.sequence()
	if !ok || !k.IsList() {
		return nil
	}
	entries, _ := k.Entries() // it is a list
	var words []string
	for _, entry := range entries {
		if !entry.isMapping() {
			continue
		}
		if item, err := entry.item(); err == nil {
			if condition, err := required(item, "condition"); err == nil {
				words = append(words, syntax.Words(condition.String())...)
			}
		}
	}
	return words
}

func (d *definition) source() string {
	if k, ok := d.item.Get("source"); ok {
		if t, err := k.Text(); err == nil && t.String() != "" {
			return t.String()
		}
	}
	return sourceSyscall
}

// compileSteps joins the condition to each step. What the rule asks of an event is then that some step holds.
func (b *builder) compileSteps(r *Rule, steps []windowStep, program *filter.Program) error {
	own := r.Condition
	var all []syntax.Node
	for _, s := range steps {
		text, err := b.text(r, s)
		if err != nil {
			return err
		}
		if text.String() == "" {
			continue
		}
		n, err := b.expander.condition(r.Name, text)
		if err != nil {
			return err
		}
		step := Step{Name: s.name, Node: &syntax.And{At: text.Pos(0), Kids: []syntax.Node{own, n}}}
		if step.Code, err = program.Compile(step.Node); err != nil {
			return err
		}
		all = append(all, step.Node)
		r.Window.Steps = append(r.Window.Steps, step)
	}
	if len(all) > 1 {
		r.Condition = &syntax.Or{At: own.Pos(), Kids: all}
	}
	return nil
}

// compilePayloadSteps does the same for structured events, whose rule's own condition is asked first.
func (b *builder) compilePayloadSteps(r *Rule, condition syntax.Text, steps []windowStep, schema *payload.Schema) error {
	for _, s := range steps {
		text, err := b.text(r, s)
		if err != nil {
			return err
		}
		if text.String() == "" {
			continue
		}
		if _, err := payload.Compile(text, schema); err != nil { // alone: it could close the parenthesis
			return err
		}
		at := text.Pos(0)
		both := syntax.Join(syntax.FixedText("(", at), condition.Trim(), syntax.FixedText("\n) && (", at), text.Trim(), syntax.FixedText("\n)", at))
		step := Step{Name: s.name, Text: text.Trim().String()}
		if step.Payload, err = payload.Compile(both, schema); err != nil {
			return err
		}
		r.Window.Steps = append(r.Window.Steps, step)
	}
	return nil
}
