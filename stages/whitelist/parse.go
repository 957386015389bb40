package whitelist

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/rules"
)

// Codes of problems in whitelist files.
const (
	Invalid     rules.Code = "WHITELIST_INVALID"
	NoReason    rules.Code = "WHITELIST_NO_REASON"
	Broad       rules.Code = "WHITELIST_BROAD"
	Expired     rules.Code = "WHITELIST_EXPIRED"
	UnknownRule rules.Code = "WHITELIST_UNKNOWN_RULE"
	NeverUsed   rules.Code = "WHITELIST_NEVER_APPLIES"
)

var knownKeys = []string{"id", "reason", "owner", "approver", "match", "rules", "schedule", "expires"}

// Parse reads whitelist files that are in memory. now decides which entries have expired.
func Parse(cfg Config, sources []rules.Source, set *rules.Set, now time.Time) (*List, []rules.Problem) {
	p := parser{cfg: cfg.orDefaults(), program: filter.NewProgram(), set: set, now: now, ids: map[string]syntax.Pos{}}
	if set != nil {
		p.program = set.Program.Like()
	}
	for _, src := range sources {
		p.file(src)
	}
	return newList(p.entries, p.program, set), p.problems
}

type parser struct {
	cfg      Config
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
			p.refuse(e, Invalid, err)
		} else {
			p.review(e)
		}
		p.entries = append(p.entries, e)
	}
}

// refuse reports why an entry applies to nothing.
func (p *parser) refuse(e *Entry, code rules.Code, err error) {
	e.refused, e.problem = true, syntax.AsError(err).Msg
	p.report(rules.Error, code, e.ID, err)
}

// doubt reports what is doubtful about an entry.
func (p *parser) doubt(e *Entry, code rules.Code, err error) {
	if e.problem == "" {
		e.problem = syntax.AsError(err).Msg
	}
	p.report(rules.Warning, code, e.ID, err)
}

// judge does with an entry what the configuration demands.
func (p *parser) judge(policy Policy, e *Entry, code rules.Code, err error) {
	switch policy {
	case Refuse:
		p.refuse(e, code, err)
	case Warn:
		p.doubt(e, code, err)
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
	}{{"id", &e.ID, true}, {"reason", &e.Reason, false}, {"owner", &e.Owner, false}, {"approver", &e.Approver, false}} {
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
	return e, p.match(match, e)
}

// match reads what the entry is for.
func (p *parser) match(k rules.Key, e *Entry) (err error) {
	if e.node, e.members, err = condition(k, p.schemas(e)); err != nil {
		return err
	}
	narrow := slices.ContainsFunc(e.members, func(m member) bool { return m.narrows() })
	if e.node != nil {
		narrow = narrow || narrows(e.node, false)
		if e.condition, err = p.program.Compile(knownOnly(e.node, false)); err != nil {
			return membersHint(err)
		}
	}
	e.broad = broad(e.Rules, narrow, p.set)
	if !e.forKernel() && !e.forStructured() {
		return &syntax.Error{At: k.At, Msg: "match asks for fields of the kernel's events and for members of structured ones: no event has both",
			Hint: "beside event.… only evt.source and evt.hostname can stand"}
	}
	return nil
}

// membersHint tells whoever wrote a condition over members of a payload how to write it.
func membersHint(err error) error {
	if e := syntax.AsError(err); strings.Contains(e.Msg, `"event.`) {
		e.Hint = "members of structured events are written as a mapping: match: {event.user.name: [backup]}"
		return e
	}
	return err
}

// schemas are those of the sources of the structured rules that the entry is for; without any, one that knows
// every path.
func (p *parser) schemas(e *Entry) []*payload.Schema {
	var schemas []*payload.Schema
	if p.set != nil {
		for _, r := range p.set.Rules {
			if r.Runs() && r.Payload != nil && covers(e.Rules, r.Name, r.Tags) {
				schemas = append(schemas, r.Payload.Schema)
			}
		}
	}
	if len(schemas) == 0 {
		schemas = append(schemas, nil)
	}
	return schemas
}

// text is a key's text without blanks around it.
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

// covered reads which rules the entry is for: names, in which * stands for any text, and tags, as tag:network
// or {tag: network}.
func covered(it *rules.Item, e *Entry) error {
	k, ok := it.Get("rules")
	if !ok {
		return &syntax.Error{At: it.At, Msg: "rules is missing", Hint: `name the rules, or tags as tag:network, or write "*" for all`}
	}
	patterns := []rules.Key{k}
	if k.IsList() {
		var err error
		if patterns, err = k.Entries(); err != nil {
			return err
		}
	}
	for _, one := range patterns {
		pattern, err := readPattern(one)
		if err != nil {
			return err
		}
		e.Rules = append(e.Rules, pattern)
	}
	if len(e.Rules) == 0 {
		return syntax.Errorf(k.At, "rules is empty: the entry is for nothing")
	}
	return nil
}

func readPattern(k rules.Key) (p rules.Pattern, err error) {
	if !k.IsScalar() {
		if err = k.Decode(&p); err == nil && (p.Rule == "") == (p.Tag == "") {
			err = syntax.Errorf(k.At, "rules: set either rule or tag")
		}
		return p, err
	}
	t, err := k.Text()
	if err != nil {
		return p, err
	}
	if tag, ok := strings.CutPrefix(t.String(), "tag:"); ok {
		p.Tag = strings.TrimSpace(tag)
	} else {
		p.Rule = t.String()
	}
	if p == (rules.Pattern{}) {
		err = syntax.Errorf(k.At, "rules: a name is empty")
	}
	return p, err
}

// period reads when the entry applies and until when. A day without a time ends the entry as that day
// begins, in UTC.
func period(it *rules.Item, e *Entry) (err error) {
	if k, ok := it.Get("schedule"); ok {
		if e.schedule, err = readSchedule(k); err != nil {
			return err
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
