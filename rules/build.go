package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Sources of events a rule can be for.
const (
	sourceSyscall = "syscall"
	sourceJSON    = "json"
)

// builder makes Rules of definitions.
type builder struct {
	cfg      Config
	problems *problems
	expander *expander
	program  *filter.Program // rules that run
	scratch  *filter.Program // rules that are only checked
}

// rule reads, checks and compiles one rule; nil when it has an error, which is reported.
func (b *builder) rule(d *definition) *Rule {
	r := &Rule{Name: d.name, At: d.item.At, Source: sourceSyscall}
	output, condition, err := b.read(d.item, r)
	if err == nil {
		err = b.extras(d.item, r)
	}
	if err != nil {
		b.problems.err(Error, ErrYAMLValidate, r.Name, r.At, err)
		return nil
	}
	if !b.decide(d.item, r) {
		return r
	}
	if code, err := b.compile(d.item, r, condition, output); err != nil {
		severity := Error
		if skip, _ := boolean(d.item, "skip-if-unknown-filter", false); skip && syntax.AsError(err).Unknown {
			severity, code = Warning, UnknownFilter
		}
		b.problems.err(severity, code, r.Name, r.At, err)
		return nil
	}
	return r
}

// read fills in Falco's keys.
func (b *builder) read(it *Item, r *Rule) (output, condition syntax.Text, err error) {
	if err := refuseNotYet(it, "exceptions"); err != nil {
		return output, condition, err
	}
	var desc, priority syntax.Text
	for _, key := range []struct {
		name string
		to   *syntax.Text
	}{{"condition", &condition}, {"output", &output}, {"desc", &desc}, {"priority", &priority}} {
		if *key.to, err = required(it, key.name); err != nil {
			return output, condition, err
		}
	}
	r.Desc = strings.TrimSpace(desc.String())
	r.OutputText = output.Trim().String()
	if r.Priority, err = pipeline.ParsePriority(priority.String()); err != nil {
		return output, condition, syntax.Errorf(priority.Pos(0), "%v", err)
	}
	if k, ok := it.Get("source"); ok {
		source, err := k.Text()
		if err != nil {
			return output, condition, err
		}
		if source.String() != "" {
			r.Source = source.String()
		}
	}
	if k, ok := it.Get("tags"); ok {
		tags, err := k.Texts(false)
		if err != nil {
			return output, condition, err
		}
		for _, t := range tags {
			r.Tags = append(r.Tags, t.String())
		}
		slices.Sort(r.Tags)
		r.Tags = slices.Compact(r.Tags)
	}
	return output, condition, nil
}

// extras fills in the keys that are ours.
func (b *builder) extras(it *Item, r *Rule) error {
	for key, to := range map[string]*string{"runbook": &r.Runbook, "desc_zh": &r.DescZH} {
		if k, ok := it.Get(key); ok {
			t, err := k.Text()
			if err != nil {
				return err
			}
			*to = strings.TrimSpace(t.String())
		}
	}
	for key, to := range map[string]*map[string]string{"labels": &r.Labels, "annotations": &r.Annotations} {
		if k, ok := it.Get(key); ok {
			if err := texts(k, to); err != nil {
				return err
			}
		}
	}
	if k, ok := it.Get("dedupe"); ok {
		return dedupe(k, r)
	}
	return nil
}

// texts reads a mapping from name to text.
func texts(k Key, to *map[string]string) error {
	keys, err := k.Keys()
	if err != nil {
		return err
	}
	*to = make(map[string]string, len(keys))
	for _, entry := range keys {
		t, err := entry.Text()
		if err != nil {
			return err
		}
		(*to)[entry.Name] = t.String()
	}
	return nil
}

func dedupe(k Key, r *Rule) error {
	keys, err := k.Keys()
	if err != nil {
		return err
	}
	for _, entry := range keys {
		switch entry.Name {
		case "by":
			names, err := entry.Texts(true)
			if err != nil {
				return err
			}
			for _, name := range names {
				f, err := filter.ParseField(name)
				if err != nil {
					return err
				}
				r.DedupeBy = append(r.DedupeBy, f)
			}
		case "for":
			t, err := entry.Text()
			if err != nil {
				return err
			}
			if r.DedupeFor, err = pipeline.ParseDuration(t.String()); err != nil {
				return syntax.Errorf(t.Pos(0), "dedupe.for: %v", err)
			}
		default:
			return &syntax.Error{At: entry.At, Msg: fmt.Sprintf("dedupe: unknown key %q", entry.Name), Hint: "the keys are by and for"}
		}
	}
	return nil
}

// decide sets Skipped. It reports false when there is nothing to compile: the rule is for another
// language or source.
func (b *builder) decide(it *Item, r *Rule) bool {
	enabled, err := boolean(it, "enabled", true)
	if err != nil {
		b.problems.err(Error, ErrYAMLValidate, r.Name, r.At, err)
	}
	window, hasWindow := it.Get("window")
	source, _ := it.Get("source")
	notEvaluated := func(at syntax.Pos, what string) {
		r.Skipped = "not evaluated yet: " + what
		b.problems.add(Warning, NotEvaluated, r.Name, at, r.Name+": "+r.Skipped, "the rule is skipped")
	}
	switch {
	case r.Source == sourceJSON:
		notEvaluated(source.At, "source: json")
		return false
	case r.Source != sourceSyscall:
		r.Skipped = "unknown source " + r.Source
		b.problems.add(Warning, UnknownSource, r.Name, source.At, fmt.Sprintf("%s: unknown source %q: the rule is skipped", r.Name, r.Source), "")
		return false
	case hasWindow:
		notEvaluated(window.At, "window")
	case !enabled:
		r.Skipped = "disabled in its file"
	case b.cfg.disabled(r.Name, r.Tags):
		r.Skipped = "disabled by the configuration"
	case r.Priority > b.cfg.Priority:
		r.Skipped = "less severe than the configured priority"
	}
	return true
}

// boolean reads a switch as YAML 1.1 spells them.
func boolean(it *Item, key string, absent bool) (bool, error) {
	k, ok := it.Get(key)
	if !ok {
		return absent, nil
	}
	t, err := k.Text()
	if err != nil {
		return absent, err
	}
	switch strings.ToLower(t.String()) {
	case "true", "yes", "on", "y":
		return true, nil
	case "false", "no", "off", "n":
		return false, nil
	default:
		return absent, &syntax.Error{At: t.Pos(0), Msg: fmt.Sprintf("%s: %q is neither true nor false", key, t)}
	}
}

// compile sets Condition, Code and Output. Rules that do not run are compiled too, elsewhere, so that
// their errors show.
func (b *builder) compile(it *Item, r *Rule, condition, output syntax.Text) (Code, error) {
	program := b.program
	if !r.Runs() {
		program = b.scratch
	}
	var err error
	if r.Condition, err = b.expander.condition(condition); err != nil {
		return ErrCompileCondition, err
	}
	if r.Code, err = program.Compile(r.Condition); err != nil {
		return ErrCompileCondition, err
	}
	b.blindness(r, r.Code.Notes())
	if warn, _ := boolean(it, "warn_evttypes", true); warn && len(r.Code.EventTypes()) > manyTypes {
		b.problems.add(Warning, NoEventType, r.Name, r.At, r.Name+": matches too many event types, which costs performance", "add a check of evt.type")
	}
	if it.Has("window") { // its output may use %window.… fields
		return "", nil
	}
	if output, err = b.appendOutput(r, output); err != nil {
		return ErrCompileOutput, err
	}
	if r.Output, err = program.ParseOutput(output); err != nil {
		return ErrCompileOutput, err
	}
	b.blindness(r, program.OutputNotes(r.Output))
	return "", nil
}

// manyTypes is more than any rule needs that says what it is about.
const manyTypes = int(pipeline.NumEventTypes) * 3 / 4

// blindness reports what can never have an answer, once per reason.
func (b *builder) blindness(r *Rule, notes []filter.Note) {
	seen := map[string]bool{}
	for _, n := range notes {
		if !seen[n.Msg] {
			seen[n.Msg] = true
			b.problems.add(Info, Blind, r.Name, n.At, r.Name+": "+n.Msg, "")
		}
	}
}
