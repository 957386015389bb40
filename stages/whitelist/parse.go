package whitelist

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/rules"
)

// Codes of problems in whitelist files.
const (
	Invalid     rules.Code = "WHITELIST_INVALID"
	Expired     rules.Code = "WHITELIST_EXPIRED"
	UnknownRule rules.Code = "WHITELIST_UNKNOWN_RULE"
)

var knownKeys = []string{"id", "reason", "owner", "approver", "match", "rules", "schedule", "expires"}

// Parse reads whitelist files that are in memory. now decides which entries have expired.
func Parse(sources []rules.Source, set *rules.Set, now time.Time) (*List, []rules.Problem) {
	p := parser{program: filter.NewProgram(), set: set, now: now, ids: map[string]syntax.Pos{}}
	if set != nil {
		p.program = set.Program.Like()
	}
	for _, src := range sources {
		p.file(src)
	}
	return &List{entries: p.entries, byRule: map[string][]*Entry{}, evaluator: filter.NewEvaluator(p.program)}, p.problems
}

type parser struct {
	program  *filter.Program
	set      *rules.Set
	now      time.Time
	doc      *rules.Document
	ids      map[string]syntax.Pos
	entries  []*Entry
	problems []rules.Problem
}

func (p *parser) file(src rules.Source) {
	doc, items, err := rules.ParseDocument(src.Name, src.Data)
	p.doc = doc
	if err != nil {
		p.report(rules.Error, Invalid, "", err)
	}
	for i := range items {
		e, err := p.entry(&items[i])
		if err != nil {
			p.report(rules.Error, Invalid, e.ID, err)
			continue
		}
		p.entries = append(p.entries, e)
		p.review(e)
	}
}

func (p *parser) report(severity rules.Severity, code rules.Code, id string, err error) {
	e := syntax.AsError(err)
	message := e.Msg
	if id != "" {
		message = fmt.Sprintf("entry %q: %s", id, e.Msg)
	}
	p.problems = append(p.problems, rules.Problem{Severity: severity, Code: code, File: e.At.File, Line: e.At.Line, Col: e.At.Col,
		Item: id, Message: message, Hint: e.Hint, Snippet: p.doc.Line(e.At.Line)})
}

// review warns about an entry that is well formed but will not do what its author expects.
func (p *parser) review(e *Entry) {
	if !e.Expires.IsZero() && !p.now.Before(e.Expires) {
		p.report(rules.Warning, Expired, e.ID, syntax.Errorf(e.At, "expired on %s: it no longer applies", e.Expires.Format(time.DateOnly)))
	}
	for _, n := range e.condition.Notes() {
		p.report(rules.Warning, rules.Blind, e.ID, syntax.Errorf(n.At, "never applies: %s", n.Msg))
	}
	if p.set == nil {
		return
	}
	var names []string
	for _, r := range p.set.Rules {
		names = append(names, r.Name)
	}
	for _, pattern := range e.Rules {
		if !slices.ContainsFunc(names, func(name string) bool { return rules.MatchName(pattern, name) }) {
			p.report(rules.Warning, UnknownRule, e.ID,
				&syntax.Error{At: e.At, Msg: fmt.Sprintf("there is no rule %q", pattern), Hint: syntax.DidYouMean(pattern, names)})
		}
	}
}

// entry reads one entry. It is never nil, so that an error can be told with its id.
func (p *parser) entry(it *rules.Item) (*Entry, error) {
	e := &Entry{At: it.At}
	e.ID, _ = text(it, "id", false) // for messages; an error comes up again below
	for _, k := range it.Keys {
		if !slices.Contains(knownKeys, k.Name) {
			return e, &syntax.Error{At: k.At, Msg: fmt.Sprintf("unknown key %q", k.Name), Hint: syntax.DidYouMean(k.Name, knownKeys)}
		}
	}
	for _, s := range []struct {
		key      string
		to       *string
		required bool
	}{{"id", &e.ID, true}, {"reason", &e.Reason, true}, {"owner", &e.Owner, false}, {"approver", &e.Approver, false}} {
		text, err := text(it, s.key, s.required)
		if err != nil {
			return e, err
		}
		*s.to = text
	}
	if before, twice := p.ids[e.ID]; twice {
		return e, syntax.Errorf(it.At, "the id is taken by the entry at %s", before)
	}
	p.ids[e.ID] = it.At
	if err := covered(it, e); err != nil {
		return e, err
	}
	if err := period(it, e); err != nil {
		return e, err
	}
	match, ok := it.Get("match")
	if !ok {
		return e, &syntax.Error{At: it.At, Msg: "match is missing", Hint: "say what the entry is for, as in match: {proc.name: [backup]}"}
	}
	node, err := condition(match)
	if err != nil {
		return e, err
	}
	e.match = knownOnly(node, false)
	e.condition, err = p.program.Compile(e.match)
	return e, err
}

func text(it *rules.Item, key string, required bool) (string, error) {
	k, ok := it.Get(key)
	if !ok && required {
		return "", syntax.Errorf(it.At, "%s is missing", key)
	}
	if !ok {
		return "", nil
	}
	t, err := k.Text()
	s := strings.TrimSpace(t.String())
	if err == nil && required && s == "" {
		err = syntax.Errorf(k.At, "%s is empty", key)
	}
	return s, err
}

// covered reads which rules the entry is for.
func covered(it *rules.Item, e *Entry) error {
	k, ok := it.Get("rules")
	if !ok {
		return &syntax.Error{At: it.At, Msg: "rules is missing", Hint: `name the rules, or write "*" for all`}
	}
	names, err := k.Texts(true)
	if err != nil {
		return err
	}
	for _, n := range names {
		e.Rules = append(e.Rules, n.String())
	}
	if len(e.Rules) == 0 {
		return syntax.Errorf(k.At, "rules is empty: the entry is for nothing")
	}
	return nil
}

// period reads when the entry applies and until when. A day without a time ends the entry as that day
// begins, in UTC.
func period(it *rules.Item, e *Entry) error {
	if k, ok := it.Get("schedule"); ok {
		if err := k.Decode(&e.schedule); err != nil {
			return err
		}
		if len(e.schedule) == 0 {
			return syntax.Errorf(k.At, "schedule is empty: leave it out to apply always")
		}
	}
	s, err := text(it, "expires", false)
	if err != nil || s == "" {
		return err
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if e.Expires, err = time.Parse(layout, s); err == nil {
			return nil
		}
	}
	k, _ := it.Get("expires")
	return syntax.Errorf(k.At, "expires: %q is neither a day such as 2030-01-01 nor a time such as 2030-01-01T02:00:00Z", s)
}
