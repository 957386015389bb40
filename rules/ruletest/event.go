package ruletest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// maxRepeat bounds how many events one entry stands for.
const maxRepeat = 1_000_000

func (r *reader) events(e entry, source string) []Event {
	nodes, err := r.list(e.value, e.name)
	r.keep(err)
	var events []Event
	now := start
	for _, n := range nodes {
		entries, err := r.mapping(n, "an event")
		if err != nil {
			r.keep(err)
			continue
		}
		ev := Event{At: r.pos(n), Time: now, Repeat: 1, Fields: field.Given{}}
		if len(entries) > 0 {
			ev.At = entries[0].at
		}
		rest := r.occurrence(entries, &ev)
		if source == SourceSyscall {
			r.fields(rest, &ev)
		} else {
			r.payload(rest, &ev)
		}
		events = append(events, ev)
		now = ev.Time.Add(ev.Every * (time.Duration(ev.Repeat) - 1))
	}
	return events
}

// occurrence reads when an event happens and how often, and returns the other keys.
func (r *reader) occurrence(entries []entry, ev *Event) (rest []entry) {
	for _, e := range entries {
		switch e.name {
		case "at":
			ev.Time = r.time(e)
		case "repeat":
			n, err := strconv.Atoi(r.text(e))
			if err != nil || n < 1 || n > maxRepeat {
				r.fail(r.pos(e.value), "repeat: a number from 1 to %d", maxRepeat)
				n = 1
			}
			ev.Repeat = n
		case "every":
			d, err := pipeline.ParseDuration(r.text(e))
			if err != nil {
				r.fail(r.pos(e.value), "every: %v", err)
			}
			ev.Every = d
		default:
			rest = append(rest, e)
		}
	}
	return rest
}

// fields reads an event of the kernel.
func (r *reader) fields(entries []entry, ev *Event) {
	var typed *entry
	for i, e := range entries {
		if slices.Contains(field.TypeFields(), e.name) {
			if typed != nil {
				r.fail(e.at, "%s and %s say the same: keep one", typed.name, e.name)
			}
			typed = &entries[i]
			continue
		}
		r.keep(r.field(e, ev.Fields))
	}
	if typed != nil {
		r.eventType(*typed, ev)
	}
}

// field gives one field its value.
func (r *reader) field(e entry, fields field.Given) error {
	value, err := r.value(e.value)
	if err != nil {
		return syntax.Errorf(r.pos(e.value), "%s: %v", e.name, err)
	}
	o, n, err := syntax.ParseOperand(syntax.FixedText(e.name, e.at))
	if err != nil || n != len(e.name) || o.Kind != syntax.FieldOperand {
		known := append(field.Names(), "at", "repeat", "every")
		return &syntax.Error{At: e.at, Msg: fmt.Sprintf("%q is not a field's name", e.name), Hint: syntax.DidYouMean(e.name, known)}
	}
	switch err := fields.Set(o, value); {
	case errors.Is(err, field.ErrUnknown):
		return &syntax.Error{At: e.at, Msg: err.Error(), Hint: syntax.DidYouMean(o.Name, field.Names())}
	case err != nil:
		return syntax.Errorf(r.pos(e.value), "%v", err)
	default:
		return nil
	}
}

// eventType reads which kind of event it is. A name may stand for two: a call that succeeds is one kind,
// a call that fails another.
func (r *reader) eventType(e entry, ev *Event) {
	name := r.text(e)
	at := r.pos(e.value)
	types := slices.DeleteFunc(filter.EventTypesNamed(name), func(t pipeline.EventType) bool { return t == pipeline.EventJSON })
	switch {
	case len(types) > 0:
		ev.Type = types[0]
		if len(types) > 1 && fails(ev.Fields) {
			ev.Type = types[len(types)-1]
		}
		if ev.Type == pipeline.EventExecveatFailed && !fails(ev.Fields) {
			r.keep(&syntax.Error{At: at, Msg: "an execveat that succeeds is an event of type execve", Hint: "or give the error in evt.rawres"})
		}
	case slices.Contains(filter.UnseenEvents(), name):
		r.fail(at, "events of type %s are not watched: no rule ever sees one", name)
	default:
		r.keep(&syntax.Error{At: at, Msg: fmt.Sprintf("unknown event type %q", name), Hint: syntax.DidYouMean(name, eventNames())})
	}
}

// fails reports whether an event is said to be a call that returned an error.
func fails(fields field.Given) bool {
	ret, _ := fields["evt.rawres"].(int64)
	failed, _ := fields["evt.failed"].(bool)
	res, _ := fields["evt.res"].(string)
	return ret < 0 || failed || res != "" && res != "SUCCESS"
}

func eventNames() []string {
	var names []string
	for t := pipeline.EventUnknown + 1; t < pipeline.NumEventTypes; t++ {
		names = append(names, t.String())
	}
	return names
}

// payload reads a structured event.
func (r *reader) payload(entries []entry, ev *Event) {
	found := false
	for _, e := range entries {
		if e.name != "event" {
			r.keep(&syntax.Error{At: e.at, Msg: fmt.Sprintf("unknown key %q", e.name), Hint: "put the members of a structured event under event:"})
			continue
		}
		found = true
		r.keep(r.decode(e.value, &ev.Payload))
	}
	if !found {
		r.fail(ev.At, "event is missing: the payload of the structured event")
	}
}

// decode reads a value of any shape.
func (r *reader) decode(n ast.Node, into any) error {
	if err := yaml.NodeToValue(n, into); err != nil {
		return syntax.Errorf(r.pos(n), "%s", strings.TrimSpace(err.Error()))
	}
	return nil
}
