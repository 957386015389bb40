package rules

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// windowKeys are the keys of a window. Those from count to sequence are its clauses.
var windowKeys = []string{"by", "within", "count", "distinct", "rate", "changed", "new", "sequence", "cooldown"}

// windowExamples say how the keys are written.
var windowExamples = map[string]string{
	"count":    "count: {over: 10}",
	"distinct": "distinct: {field: fd.sport, over: 20}",
	"rate":     "rate: {over: 10/s, for: 2m}",
	"changed":  "changed: {field: container.image.tag}",
	"new":      "new: {field: proc.exepath}",
	"sequence": "sequence: [{name: first, condition: …}, {name: then, rule: …}]",
}

const (
	remembered   = 720 * time.Hour           // how long changed and new remember unless they say
	shortestSpan = time.Millisecond          // clocks of nodes are not better than that
	longestSpan  = 10 * 365 * 24 * time.Hour // engines add a few of them without an overflow
	overBits     = 53                        // of the numbers that every engine holds exactly
	windowPrefix = "window."                 // of its keys in messages
)

// windowReader reads the window of one rule.
type windowReader struct {
	b          *builder
	r          *Rule
	w          *Window
	steps      []windowStep
	structured bool
	cooldown   bool // was given
}

// readWindow reads the window key. What its steps ask is compiled later, with the rule's condition.
func (b *builder) readWindow(it *Item, k Key, r *Rule) ([]windowStep, error) {
	x := &windowReader{b: b, r: r, w: &Window{At: k.At}, structured: r.Source != sourceSyscall}
	if x.structured {
		x.w.Payload = &PayloadWindow{}
	}
	if !k.isMapping() {
		return nil, &syntax.Error{At: k.At, Msg: "window must be a mapping", Hint: "for example {by: [container.id], within: 5m, count: {over: 10}}"}
	}
	keys, err := k.Keys()
	if err != nil {
		return nil, err
	}
	given := map[string]Key{}
	for _, entry := range keys {
		if err := known(entry, "window", windowKeys); err != nil {
			return nil, err
		}
		given[entry.Name] = entry
		entry.Name = windowPrefix + entry.Name
		if err := x.entry(entry); err != nil {
			return nil, err
		}
	}
	if err := x.complete(k, given); err != nil {
		return nil, err
	}
	r.Window = x.w
	x.identity(it)
	x.lint(given)
	return x.steps, nil
}

func (x *windowReader) entry(k Key) (err error) {
	switch strings.TrimPrefix(k.Name, windowPrefix) {
	case "by":
		return x.by(k)
	case "within":
		x.w.Within, err = span(k, false)
	case "count":
		return x.count(k)
	case "distinct":
		return x.distinct(k)
	case "rate":
		return x.rate(k)
	case "changed":
		x.w.Window.Changed, err = x.remembers(k)
	case "new":
		x.w.Window.New, err = x.remembers(k)
	case "sequence":
		return x.sequence(k)
	case "cooldown":
		x.cooldown = true
		x.w.Cooldown, err = span(k, true)
	}
	return err
}

// complete refuses a window that says too little, and fills in what follows from the rest.
func (x *windowReader) complete(k Key, given map[string]Key) error {
	w := x.w
	clauses := windowKeys[slices.Index(windowKeys, "count") : slices.Index(windowKeys, "sequence")+1]
	if !slices.ContainsFunc(clauses, func(name string) bool { _, ok := given[name]; return ok }) {
		return &syntax.Error{At: k.At, Msg: "window says when nothing: it has no clause", Hint: "clauses are " + strings.Join(clauses, ", ") + "; for example " + windowExamples["count"]}
	}
	for _, name := range []string{"count", "distinct", "sequence"} {
		if entry, ok := given[name]; ok && w.Within == 0 {
			return &syntax.Error{At: entry.At, Msg: "window.within is missing: " + name + " needs to know how far back to look", Hint: "for example within: 5m"}
		}
	}
	if !x.cooldown {
		if w.Cooldown = w.Within; w.Cooldown == 0 {
			w.Cooldown = w.RateFor
		}
	}
	w.Window.Steps = len(x.steps)
	if !x.structured {
		w.Local = slices.ContainsFunc(w.By, isLocal)
	}
	return nil
}

// identity makes alerts the same that are counted by the same, unless the rule says otherwise.
func (x *windowReader) identity(it *Item) {
	if k, ok := it.Get("dedupe"); ok {
		if keys, err := k.Keys(); err == nil && slices.ContainsFunc(keys, func(k Key) bool { return k.Name == "by" }) {
			return
		}
	}
	if x.structured {
		x.r.payload().DedupeBy = append([]payload.Path{}, x.w.Payload.By...)
	} else {
		x.r.DedupeBy = append([]field.Ref{}, x.w.By...)
	}
}

func (x *windowReader) count(k Key) error {
	members, err := clause(k, "over")
	if err == nil {
		x.w.Count, err = over(members["over"])
	}
	return err
}

func (x *windowReader) distinct(k Key) error {
	members, err := clause(k, "field", "over")
	if err != nil {
		return err
	}
	if err := x.field(members["field"]); err != nil {
		return err
	}
	x.w.Window.Distinct, err = over(members["over"])
	return err
}

// remembers reads changed or new.
func (x *windowReader) remembers(k Key) (time.Duration, error) {
	members, err := clause(k, "field", "for?")
	if err != nil {
		return 0, err
	}
	if err := x.field(members["field"]); err != nil {
		return 0, err
	}
	if how, ok := members["for"]; ok {
		return span(how, false)
	}
	return remembered, nil
}

// rateUnits are what a rate can be measured in, with the time over which it is measured then.
var rateUnits = map[string]struct{ unit, span time.Duration }{
	"s": {time.Second, 10 * time.Second}, "m": {time.Minute, time.Minute}, "h": {time.Hour, time.Hour},
}

func (x *windowReader) rate(k Key) error {
	members, err := clause(k, "over", "for?", "within?")
	if err != nil {
		return err
	}
	t, at, err := valueOf(members["over"])
	if err != nil {
		return err
	}
	number, letter, _ := strings.Cut(t.String(), "/")
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	unit, ok := rateUnits[strings.TrimSpace(letter)]
	if err != nil || !ok || strings.Trim(strings.TrimSpace(number), "0123456789.") != "" || n <= 0 || n > 1<<overBits {
		return &syntax.Error{At: at, Msg: fmt.Sprintf("window.rate.over: %q is no rate", t), Hint: "write a number above 0 and s, m or h: 10/s, 0.5/s, 100/m"}
	}
	x.w.RateSpan = unit.span
	if within, ok := members["within"]; ok {
		if x.w.RateSpan, err = span(within, false); err != nil {
			return err
		}
	}
	if how, ok := members["for"]; ok {
		if x.w.RateFor, err = span(how, true); err != nil {
			return err
		}
	}
	x.w.Rate = perSecond(n, unit.unit, x.w.RateSpan)
	return nil
}

// perSecond is n a unit as a rate of which no more occurrences fit into a span than n says: 7 a minute may
// not turn into 6.999… by rounding.
func perSecond(n float64, unit, over time.Duration) float64 {
	rate := n / unit.Seconds()
	for most := n * over.Seconds() / unit.Seconds(); rate*over.Seconds() < most; {
		rate = math.Nextafter(rate, math.Inf(1))
	}
	return rate
}

// over reads a number of occurrences or values.
func over(k Key) (uint64, error) {
	t, at, err := valueOf(k)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(t.String(), 10, overBits)
	if err != nil || n == 0 {
		return 0, &syntax.Error{At: at, Msg: fmt.Sprintf("%s: %q is no whole number above 0", k.Name, t), Hint: "over: 10 holds at the 11th"}
	}
	return n, nil
}

// span reads a duration; none is one only where that means something.
func span(k Key, none bool) (time.Duration, error) {
	t, at, err := valueOf(k)
	if err != nil {
		return 0, err
	}
	d, err := pipeline.ParseDuration(t.String())
	switch {
	case err != nil:
		return 0, syntax.Errorf(at, "%s: %v", k.Name, err)
	case d == 0 && none:
		return 0, nil
	case d < shortestSpan:
		return 0, syntax.Errorf(at, "%s: %s is too short: it is at least %s", k.Name, t, shortestSpan)
	case d > longestSpan:
		return 0, syntax.Errorf(at, "%s: %s is too long: it is at most 10y", k.Name, t)
	}
	return d, nil
}
