package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// sourceSyscall is the source of a rule that names none: the kernel.
const sourceSyscall = "syscall"

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
	if err == nil && r.Source == sourceSyscall {
		err = checkFields(d.exceptions)
	}
	if err != nil {
		b.problems.err(Error, ErrYAMLValidate, r.Name, r.At, err)
		return nil
	}
	if !b.decide(d.item, r) {
		return r
	}
	if code, err := b.compile(d.item, r, guarded(condition, d.exceptions), output); err != nil {
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
	if r.Priority, err = b.priority(r, priority); err != nil {
		return output, condition, err
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
		if err := b.dedupe(k, r); err != nil {
			return err
		}
	}
	return b.capture(it, r)
}

// capture reads Falco's keys about recording what happens around an alert, and says that they do nothing.
func (b *builder) capture(it *Item, r *Rule) error {
	on, err := boolean(it, "capture", false)
	if err != nil {
		return err
	}
	if k, ok := it.Get("capture_duration"); ok {
		t, err := k.Text()
		if err != nil {
			return err
		}
		if _, err := strconv.ParseUint(t.String(), 10, 32); err != nil {
			return syntax.Errorf(k.At, "capture_duration: %q is no number of milliseconds", t)
		}
	}
	if k, _ := it.Get("capture"); on {
		b.problems.add(Info, NoEffect, r.Name, k.At, r.Name+": capture has no effect here", "tocsin record writes captures")
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

func (b *builder) dedupe(k Key, r *Rule) error {
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
				if err := b.identity(name, r); err != nil {
					return err
				}
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
			if err := b.dedupeKey(entry, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// identity adds a field, or a member of the payload, to what makes two alerts the same. Of a source that nobody
// has it is not known what a name means: the rule is skipped.
func (b *builder) identity(name syntax.Text, r *Rule) error {
	switch {
	case b.cfg.structured(r.Source):
		return b.payloadIdentity(name, r)
	case r.Source != sourceSyscall:
		return nil
	}
	if name.String() == Object {
		r.DedupeObject = true
		return nil
	}
	f, err := filter.ParseField(name)
	if err != nil {
		return err
	}
	b.checkIdentity(r, f, name.Pos(0))
	r.DedupeBy = append(r.DedupeBy, f)
	return nil
}

// decide sets Skipped. It reports false when there is nothing to compile: the rule is for another
// language or source.
func (b *builder) decide(it *Item, r *Rule) bool {
	enabled, err := boolean(it, "enabled", true)
	if err != nil {
		b.problems.err(Error, ErrYAMLValidate, r.Name, r.At, err)
	}
	source, _ := it.Get("source")
	switch {
	case r.Source != sourceSyscall && !b.cfg.structured(r.Source):
		r.Skipped = "unknown source " + r.Source
		b.problems.add(Warning, UnknownSource, r.Name, source.At, fmt.Sprintf("%s: unknown source %q: the rule is skipped", r.Name, r.Source), b.cfg.sourceHint(r.Source))
		return false
	case b.cfg.switchedOff(r, enabled) != "":
		r.Skipped = b.cfg.switchedOff(r, enabled)
	case r.Priority > b.cfg.Priority:
		r.Skipped = "less severe than the configured priority"
	}
	return true
}

// compile sets Condition, Code and Output. Rules that do not run are compiled too, elsewhere, so that
// their errors show.
func (b *builder) compile(it *Item, r *Rule, condition, output syntax.Text) (Code, error) {
	var steps []windowStep
	var err error
	if k, ok := it.Get("window"); ok {
		if steps, err = b.readWindow(it, k, r); err != nil {
			return ErrYAMLValidate, err
		}
	}
	if r.Source != sourceSyscall {
		return b.compilePayload(r, condition, output, steps)
	}
	program := b.program
	if !r.Runs() {
		program = b.scratch
	}
	if r.Condition, err = b.expander.condition(r.Name, condition); err != nil {
		return ErrCompileCondition, err
	}
	if err = b.compileSteps(r, steps, program); err != nil {
		return ErrCompileCondition, err
	}
	if r.Code, err = program.Compile(r.Condition); err != nil {
		return ErrCompileCondition, err
	}
	b.blindness(r, r.Code.Notes())
	if warn, _ := boolean(it, "warn_evttypes", true); warn && len(r.Code.EventTypes()) > manyTypes {
		b.problems.add(Warning, NoEventType, r.Name, r.At, r.Name+": matches too many event types, which costs performance", "add a check of evt.type")
	}
	if output, err = b.appendOutput(r, output); err != nil {
		return ErrCompileOutput, err
	}
	if err = b.compileOutput(r, output, program); err != nil {
		return ErrCompileOutput, err
	}
	lintOutput(b.problems, r, output)
	b.blindness(r, program.OutputNotes(r.Output))
	return "", nil
}

// manyTypes is more than any rule needs that says what it is about.
const manyTypes = int(pipeline.NumEventTypes) * 3 / 4

// blindness reports what can never have an answer, once per reason.
func (b *builder) blindness(r *Rule, notes []filter.Note) {
	seen := map[string]bool{}
	for _, n := range notes {
		if !seen[n.Msg] && !strings.HasPrefix(n.Msg, infoField) { // lintOutput tells of that one
			seen[n.Msg] = true
			b.problems.add(Info, Blind, r.Name, n.At, r.Name+": "+n.Msg, "")
		}
	}
}
