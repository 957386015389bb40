package whitelist

import (
	"fmt"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/rules"
)

// review looks at an entry that is well formed but may not be as it should, or not do what its author expects.
func (p *parser) review(e *Entry) {
	if e.Reason == "" {
		p.judge(p.cfg.MissingReason, e, NoReason, &syntax.Error{At: e.At, Msg: "reason is missing",
			Hint: "say why nobody has to know, for whoever looks at it in a year: reason: …"})
	}
	if e.broad != "" {
		p.judge(p.cfg.Broad, e, Broad, &syntax.Error{At: e.At, Msg: e.broad,
			Hint: "name the rules, or in match a program, a file, an image or an address"})
	}
	if e.expired(p.now) {
		p.judge(p.cfg.Expired, e, Expired, syntax.Errorf(e.At, "expired on %s: it no longer applies", e.Expires.Format(time.DateOnly)))
	}
	if e.condition != nil {
		for _, n := range e.condition.Notes() {
			p.doubt(e, rules.Blind, syntax.Errorf(n.At, "never applies: %s", n.Msg))
		}
	}
	if p.set != nil {
		p.reviewRules(e)
	}
}

// reviewRules warns about rules that are not there, or whose events the entry cannot be about.
func (p *parser) reviewRules(e *Entry) {
	var names, tags []string
	usable, found := false, false
	for _, r := range p.set.Rules {
		names, tags = append(names, r.Name), append(tags, r.Tags...)
		if covers(e.Rules, r.Name, r.Tags) {
			found = true
			usable = usable || r.Payload == nil && e.forKernel() || r.Payload != nil && e.forStructured()
		}
	}
	for _, pattern := range e.Rules {
		if slices.ContainsFunc(p.set.Rules, func(r *rules.Rule) bool { return pattern.Matches(r.Name, r.Tags) }) {
			continue
		}
		what, hint := fmt.Sprintf("rule %q", pattern.Rule), syntax.DidYouMean(pattern.Rule, names)
		if pattern.Tag != "" {
			what, hint = fmt.Sprintf("rule with the tag %q", pattern.Tag), syntax.DidYouMean(pattern.Tag, tags)
		}
		p.doubt(e, UnknownRule, &syntax.Error{At: e.At, Msg: "there is no " + what, Hint: hint})
	}
	switch {
	case !found || usable:
	case e.forKernel():
		p.doubt(e, NeverUsed, &syntax.Error{At: e.At, Msg: "never applies: its rules are for structured events, which have no such field",
			Hint: "ask for members of the payload, as in match: {event.user.name: [backup]}"})
	default:
		p.doubt(e, NeverUsed, &syntax.Error{At: e.At, Msg: "never applies: its rules are for the kernel's events, which have no members", Hint: "tocsin fields lists what they have"})
	}
}
