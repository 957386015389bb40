// Package groupstest is what every engine of groups has to do: each sentence of the contract (route.Groups) as a
// scene, the same as a model in memory whatever happens in whatever order, and no group with two callers nor an alert
// lost when several claim and some of them die.
package groupstest

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Groups is what an engine has; route.Groups has the comments.
type Groups interface {
	Put(ctx context.Context, now time.Time, in []pipeline.Inbox, sources []pipeline.Source) (next time.Time, absent []string, err error)
	Claim(ctx context.Context, now time.Time, limit int) ([]pipeline.Claimed, error)
	Settle(ctx context.Context, now time.Time, done []pipeline.Settled) (lost []string, err error)
	Wake(ctx context.Context, now time.Time) error
	NextDue(ctx context.Context) (time.Time, error)
	Due(ctx context.Context, keys []string) (map[string]time.Time, error)
	Sources(ctx context.Context, now time.Time, keys []string) ([]pipeline.Source, error)
}

// Engine makes groups of one engine.
type Engine struct {
	Fresh   func() Groups // a store without groups; what it returned before is used no more
	Another func() Groups // what another process has of the same store; nil: there is only one
	Parts   bool          // Claim takes the longest due of each part, not of all
}

// Lease is how long a claim lasts.
const Lease = 10 * time.Second

var t0 = time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)

// at is a time of a scene: so long after it began.
func at(d time.Duration) time.Time { return t0.Add(d) }

// Run runs the suite.
func Run(t *testing.T, e Engine) {
	for name, scene := range map[string]func(*scene){
		"a new group waits":                                            newGroupWaits,
		"what comes to a group that is there":                          joins,
		"alerts that come are not told before the group is ready":      notBeforeReady,
		"one batch brings several lots to a group":                     severalLots,
		"completions make no group":                                    ifThere,
		"a claimed group is nobody else's until the lease ends":        leases,
		"a group that has gone to another is not the first's":          lostLease,
		"a lease that has run out counts while nobody has taken it":    lateSettle,
		"of many due groups the longest due go first":                  longestFirst,
		"state and members stay from one claim to the next":            members,
		"what comes while a group is claimed is told afterwards":       meanwhile,
		"a group with nothing to keep goes, unless alerts have come":   gone,
		"a group that stays although it was to go":                     goneInPart,
		"what is left of an inbox waits until the group is due":        partly,
		"a large inbox is handed out in parts":                         largeInbox,
		"large alerts and many members":                                large,
		"groups that hold something back are woken":                    wake,
		"a group that is claimed is woken afterwards":                  wakeClaimed,
		"alerts are as they were":                                      content,
		"keys and labels may be any text":                              oddKeys,
		"sources inhibit until they end":                               sources,
		"of very many sources those are told that last longest":        manySources,
		"nothing is asked, nothing is there":                           nothing,
		"a group that was removed is new when it comes again":          again,
		"times that are not whole microseconds make nothing due early": microseconds,
	} {
		t.Run(name, func(t *testing.T) { scene(&scenery{T: t, g: e.Fresh(), parts: e.Parts}) })
	}
	t.Run("as the model", func(t *testing.T) { likeTheModel(t, e) })
	t.Run("several claim and some die", func(t *testing.T) { contention(t, e) })
}

// scenery is a test with an engine.
type scenery struct {
	*testing.T
	g     Groups
	parts bool
}

type scene = scenery

// lot is what a batch brings to a group: alerts with these ids.
func lot(key string, wait time.Duration, ids ...string) pipeline.Inbox {
	in := pipeline.Inbox{Key: key, Route: "root", Receiver: "ops", Labels: map[string]string{"rule": key}, Wait: wait}
	for _, id := range ids {
		in.Alerts = append(in.Alerts, pipeline.Alert{ID: id, Time: t0, Count: 1})
	}
	return in
}

// put puts, and checks what it says.
func (s *scene) put(now, next time.Duration, in ...pipeline.Inbox) {
	s.Helper()
	got, absent, err := s.g.Put(s.Context(), at(now), in, nil)
	if err != nil {
		s.Fatalf("Put: %v", err)
	}
	if !got.Equal(at(next)) || len(absent) > 0 {
		s.Fatalf("Put at %s = %s, %q, want %s and none absent", now, got.Sub(t0), absent, next)
	}
}

// claim claims all that is due, and requires that these are the keys, in whatever order.
func (s *scene) claim(now time.Duration, keys ...string) []pipeline.Claimed {
	s.Helper()
	groups, err := s.g.Claim(s.Context(), at(now), 100)
	if err != nil {
		s.Fatalf("Claim: %v", err)
	}
	slices.SortFunc(groups, func(a, b pipeline.Claimed) int { return cmp.Compare(a.Key, b.Key) })
	var got []string
	for _, c := range groups {
		got = append(got, c.Key)
	}
	slices.Sort(keys)
	if !slices.Equal(got, keys) {
		s.Fatalf("Claim at %s = groups %.30q, want %.30q", now, got, keys)
	}
	return groups
}

// one claims all that is due, which has to be one group with alerts of these ids.
func (s *scene) one(now time.Duration, key string, ids ...string) pipeline.Claimed {
	s.Helper()
	c := s.claim(now, key)[0]
	if got := idsOf(c.Alerts); !slices.Equal(got, ids) {
		s.Fatalf("the inbox of %q has %q, want %q", key, got, ids)
	}
	return c
}

func idsOf(alerts []pipeline.Alert) []string {
	var ids []string
	for _, a := range alerts {
		ids = append(ids, a.ID)
	}
	return ids
}

// settled is a settlement that empties the inbox as far as it was read and makes the group due then.
func settled(c pipeline.Claimed, due time.Duration) pipeline.Settled {
	return pipeline.Settled{Key: c.Key, Token: c.Token, Upto: c.Upto, State: []byte("told"), Due: at(due)}
}

// settle settles, and requires that these were lost.
func (s *scene) settle(now time.Duration, done pipeline.Settled, lost ...string) {
	s.Helper()
	got, err := s.g.Settle(s.Context(), at(now), []pipeline.Settled{done})
	if err != nil {
		s.Fatalf("Settle: %v", err)
	}
	if !slices.Equal(got, lost) {
		s.Fatalf("Settle at %s lost %q, want %q", now, got, lost)
	}
}

// due requires what NextDue says; negative: that nothing is there.
func (s *scene) due(want time.Duration) {
	s.Helper()
	next, err := s.g.NextDue(s.Context())
	if err != nil {
		s.Fatalf("NextDue: %v", err)
	}
	if want < 0 && !next.IsZero() || want >= 0 && !next.Equal(at(want)) {
		s.Fatalf("NextDue = %v, want %v after the beginning (negative: none)", next, want)
	}
}
