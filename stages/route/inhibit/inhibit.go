// Package inhibit says which alerts are not told because of others that fire, by Alertmanager's inhibition rules.
// What fires is not here: an alert of a rule's source side is made into sources, which the store of groups keeps
// while they last, and a target asks for those by the keys it shares with them. So every router of a fleet knows
// every source, every source counts until its own end, and one that is itself inhibited or silenced still inhibits.
//
// It does not ask whether a source was told, and it does not look back: a target that was told before its source
// came stays told. Config.Wait is for that.
package inhibit

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// Rules are compiled inhibition rules. They are safe for concurrent use. nil inhibits nothing.
type Rules struct {
	all []*rule
	// resolveTimeout is how long an event counts as firing after its last occurrence.
	resolveTimeout time.Duration
	log            *slog.Logger
}

type rule struct {
	name   string
	id     string // of what it asks for: an edited rule knows nothing of the sources of the one before
	source labels.Matchers
	target labels.Matchers
	equal  []string // sorted
	wait   time.Duration
	warned atomic.Bool // of a label of equal that nobody has
}

// New compiles rules that Validate found nothing wrong with. An event inhibits until resolveTimeout after its
// last occurrence.
func New(cfg []Config, resolveTimeout time.Duration, log *slog.Logger) (*Rules, error) {
	if err := Validate(cfg); err != nil {
		return nil, err
	}
	r := &Rules{resolveTimeout: resolveTimeout, log: log}
	for i := range cfg {
		c := &cfg[i]
		sides := c.sides()
		source, _, _ := sides[0].compile() // checked by Validate
		target, _, _ := sides[1].compile()
		one := &rule{
			name: c.Name, source: source, target: target,
			equal: slices.Sorted(slices.Values(c.Equal)), wait: time.Duration(c.Wait),
		}
		if one.name == "" {
			one.name = strconv.Itoa(i)
		}
		sum := sha256.Sum256([]byte(source.String() + "\n" + target.String() + "\n" + strings.Join(one.equal, "\n")))
		one.id = hex.EncodeToString(sum[:8])
		r.all = append(r.all, one)
	}
	return r, nil
}

// key names what a source inhibits, and what a target may be inhibited by: the rule and the values on which both
// agree. Values come from outside and are quoted, so that no two sets of them make one key.
func (r *rule) key(set map[string]string) string {
	var b strings.Builder
	b.WriteString(r.id)
	for _, name := range r.equal {
		b.WriteByte(',')
		b.WriteString(strconv.Quote(set[name]))
	}
	return b.String()
}

// Sources are what an alert inhibits others with, one for each rule whose source side it matches. That of a
// resolved alert has ended, and says so to the store.
func (r *Rules) Sources(a *pipeline.Alert) (all []pipeline.Source) {
	if r == nil {
		return nil
	}
	for _, one := range r.all {
		if !matcher.Match(one.source, a.Labels) {
			continue
		}
		all = append(all, pipeline.Source{
			Key: one.key(a.Labels), Fingerprint: a.Fingerprint, Ends: r.ends(a),
			Both: matcher.Match(one.target, a.Labels),
		})
	}
	return all
}

func (r *Rules) ends(a *pipeline.Alert) time.Time {
	switch {
	case a.Stateful != nil:
		return a.Stateful.EndsAt
	case a.LastSeen.After(a.Time):
		return a.LastSeen.Add(r.resolveTimeout)
	default:
		return a.Time.Add(r.resolveTimeout)
	}
}

// Keys are those of the sources that may inhibit an alert with these labels.
func (r *Rules) Keys(set map[string]string) (keys []string) {
	if r == nil {
		return nil
	}
	for _, one := range r.all {
		if matcher.Match(one.target, set) {
			keys = append(keys, one.key(set))
		}
	}
	return keys
}

// Wait is how long an alert with these labels gathers at least, for a source to come after it.
func (r *Rules) Wait(set map[string]string) (wait time.Duration) {
	if r == nil {
		return 0
	}
	for _, one := range r.all {
		if one.wait > wait && matcher.Match(one.target, set) {
			wait = one.wait
		}
	}
	return wait
}

// Inhibited returns what inhibits an alert with these labels at now, one for each rule that does; sources are
// those the store has, by key. It is not inhibited by itself, nor, where it matches a rule's source side, by others
// that match both sides of that rule.
func (r *Rules) Inhibited(set map[string]string, of pipeline.Fingerprint, sources map[string][]pipeline.Source, now time.Time) (by []pipeline.Suppressed) {
	if r == nil || len(sources) == 0 {
		return nil
	}
	for _, one := range r.all {
		if !matcher.Match(one.target, set) {
			continue
		}
		both := matcher.Match(one.source, set)
		last := latest(sources[one.key(set)], of, both, now)
		if last == nil {
			continue
		}
		by = append(by, pipeline.Suppressed{
			Why: pipeline.ByInhibition, By: last.Fingerprint.String(), Rule: one.name + r.unasked(one, set), Until: last.Ends,
		})
	}
	return by
}

// latest is the source that inhibits longest; nil: none does.
func latest(sources []pipeline.Source, target pipeline.Fingerprint, both bool, now time.Time) (last *pipeline.Source) {
	for i := range sources {
		s := &sources[i]
		if !s.Ends.After(now) || s.Fingerprint == target || both && s.Both {
			continue
		}
		if last == nil || s.Ends.After(last.Ends) {
			last = s
		}
	}
	return last
}

// unasked names a label of equal that neither source nor target has: perhaps a slip of the pen, which makes the
// rule inhibit more than was meant. It is also logged, once for each rule.
func (r *Rules) unasked(one *rule, set map[string]string) string {
	for _, name := range one.equal {
		if set[name] != "" {
			continue // agreeing on it, the source has it too
		}
		if !one.warned.Swap(true) {
			r.log.Warn("an inhibition rule applies although neither source nor target has a label of its equal; is the name right?",
				"rule", one.name, "label", name)
		}
		return " (neither has the label " + strconv.Quote(name) + ")"
	}
	return ""
}

// TargetOf names the rules whose target side matches these labels: alerts of their source side can inhibit such an
// alert.
func (r *Rules) TargetOf(set map[string]string) (names []string) {
	if r == nil {
		return nil
	}
	for _, one := range r.all {
		if matcher.Match(one.target, set) {
			names = append(names, one.name)
		}
	}
	return names
}
