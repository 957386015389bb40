package groupstest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/pipeline"
)

// random is an engine beside the model.
type random struct {
	g      Groups
	m      *model
	parts  bool
	now    time.Time
	ids    int
	claims []randomClaim // settled ones stay: they are settled again
}

type randomClaim struct {
	pipeline.Claimed
	number int
}

func likeTheModel(t *testing.T, e Engine) {
	rapid.Check(t, func(rt *rapid.T) {
		r := &random{g: e.Fresh(), parts: e.Parts, now: t0, m: &model{
			groups: map[string]*modelGroup{}, sources: map[string]map[pipeline.Fingerprint]pipeline.Source{},
		}}
		rt.Repeat(map[string]func(*rapid.T){
			"put":     func(rt *rapid.T) { r.put(t, rt) },
			"claim":   func(rt *rapid.T) { r.claim(t, rt) },
			"settle":  func(rt *rapid.T) { r.settle(t, rt) },
			"wake":    func(rt *rapid.T) { must(rt, r.g.Wake(t.Context(), r.now)); r.m.wake(micros(r.now)) },
			"time":    func(rt *rapid.T) { r.now = r.now.Add(span(0, 12*sec).Draw(rt, "time")) },
			"sources": func(rt *rapid.T) { r.sources(t, rt) },
			"":        func(rt *rapid.T) { r.same(t, rt) },
		})
	})
}

var keys = rapid.SampledFrom([]string{"a", "b", "c", "d", "结点", "q' \"{}:*\x00\n", "\xff"})

func span(from, to time.Duration) *rapid.Generator[time.Duration] {
	return rapid.Map(rapid.Int64Range(from.Microseconds(), to.Microseconds()), func(us int64) time.Duration {
		return time.Duration(us) * time.Microsecond
	})
}

func (r *random) put(t *testing.T, rt *rapid.T) {
	var in []pipeline.Inbox
	for range rapid.IntRange(0, 5).Draw(rt, "lots") {
		lot := pipeline.Inbox{
			Key:      keys.Draw(rt, "key"),
			Route:    rapid.StringN(0, 3, 10).Draw(rt, "route"),
			Receiver: rapid.SampledFrom([]string{"", "ops", "结"}).Draw(rt, "receiver"),
			Labels:   map[string]string{"l": rapid.SampledFrom([]string{"", "x", "y"}).Draw(rt, "label")},
			Wait:     rapid.OneOf(rapid.Just(time.Duration(0)), span(0, 30*sec)).Draw(rt, "wait"),
			AtOnce:   rapid.Bool().Draw(rt, "at once"),
			IfThere:  rapid.IntRange(0, 3).Draw(rt, "if there") == 0,
		}
		for range rapid.IntRange(0, 3).Draw(rt, "alerts") {
			r.ids++
			lot.Alerts = append(lot.Alerts, pipeline.Alert{ID: fmt.Sprint(r.ids), Time: t0})
		}
		in = append(in, lot)
	}
	next, absent, err := r.g.Put(t.Context(), r.now, in, nil)
	must(rt, err)
	wantNext, wantAbsent := r.m.put(micros(r.now), in)
	if got := micros(next); got != wantNext && (wantNext >= 0 || !next.IsZero()) {
		rt.Fatalf("Put = %v, want %v µs", got, wantNext)
	}
	if !slices.Equal(absent, wantAbsent) {
		rt.Fatalf("absent are %q, want %q", absent, wantAbsent)
	}
}

func (r *random) claim(t *testing.T, rt *rapid.T) {
	limit := rapid.IntRange(1, 6).Draw(rt, "limit")
	groups, err := r.g.Claim(t.Context(), r.now, limit)
	must(rt, err)
	due := r.m.dueAt(micros(r.now))
	if len(groups) != min(limit, len(due)) {
		rt.Fatalf("Claim of %d = %d groups, %d are due", limit, len(groups), len(due))
	}
	last := int64(-1 << 62)
	for i, c := range groups {
		if !slices.Contains(due, c.Key) {
			rt.Fatalf("claimed %q, which is not due", c.Key)
		}
		g := r.m.groups[c.Key]
		if !r.parts && (g.can() < last || g.can() != r.m.groups[due[i]].can()) {
			rt.Fatalf("claimed %q in place %d, which is not the longest due: %q", c.Key, i, due)
		}
		last = g.can()
		due = slices.Clone(due)
	}
	for _, c := range groups {
		g := r.m.groups[c.Key]
		number, retaken := r.m.claim(micros(r.now), c.Key)
		r.compare(rt, c, g, retaken)
		r.claims = append(r.claims, randomClaim{c, number})
	}
}

func (r *random) compare(rt *rapid.T, c pipeline.Claimed, g *modelGroup, retaken bool) {
	want := pipeline.Claimed{
		Key: c.Key, Route: g.route, Receiver: g.receiver, Labels: map[string]string{"l": g.labels},
		Due: base.Add(time.Duration(g.due) * time.Microsecond), Token: c.Token, Retaken: retaken, State: []byte(g.state), Upto: c.Upto,
	}
	for f, body := range g.members {
		want.Members = append(want.Members, pipeline.Member{Fingerprint: f, Body: []byte(body)})
	}
	got := c
	got.Alerts, got.Due = nil, c.Due.UTC()
	diff := gocmp.Diff(want, got, cmpopts.EquateEmpty(),
		cmpopts.SortSlices(func(a, b pipeline.Member) bool { return a.Fingerprint < b.Fingerprint }))
	if diff != "" {
		rt.Fatalf("the claimed group (-want +got):\n%s", diff)
	}
	if ids := idsOf(c.Alerts); !slices.Equal(ids, g.inbox) || c.Token == "" || len(ids) > 0 && c.Upto == 0 {
		rt.Fatalf("group %q has alerts %q upto %d, token %q, want %q", c.Key, ids, c.Upto, c.Token, g.inbox)
	}
}

func (r *random) settle(t *testing.T, rt *rapid.T) {
	if len(r.claims) == 0 {
		rt.Skip("nothing was claimed")
	}
	c := rapid.SampledFrom(r.claims).Draw(rt, "claim")
	if rapid.Bool().Draw(rt, "the latest") {
		c = r.claims[len(r.claims)-1]
	}
	d := pipeline.Settled{
		Key: c.Key, Token: c.Token,
		State: rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(rt, "state"),
		Due:   r.now.Add(span(-sec, 20*sec).Draw(rt, "due")),
		Holds: rapid.Bool().Draw(rt, "holds"), Gone: rapid.IntRange(0, 2).Draw(rt, "gone") == 0,
	}
	if rapid.Bool().Draw(rt, "upto") {
		d.Upto = c.Upto
	}
	if rapid.Bool().Draw(rt, "has ready") {
		d.Ready = r.now.Add(span(-5*sec, 20*sec).Draw(rt, "ready"))
	}
	fingerprints := rapid.SliceOfNDistinct(rapid.Uint64Range(1<<63-2, 1<<63+2), 0, 4, rapid.ID).Draw(rt, "fingerprints")
	for _, f := range fingerprints {
		if rapid.Bool().Draw(rt, "set") {
			d.Set = append(d.Set, pipeline.Member{Fingerprint: pipeline.Fingerprint(f), Body: []byte(fmt.Sprint(len(r.claims)))})
		} else {
			d.Remove = append(d.Remove, pipeline.Fingerprint(f))
		}
	}
	lost, err := r.g.Settle(t.Context(), r.now, []pipeline.Settled{d})
	must(rt, err)
	if want := r.m.settle(micros(r.now), c.number, &d); want != (len(lost) == 1) {
		rt.Fatalf("Settle of %q lost %q, want it lost: %v", c.Key, lost, want)
	}
}

func (r *random) sources(t *testing.T, rt *rapid.T) {
	var all []pipeline.Source
	for range rapid.IntRange(0, 4).Draw(rt, "sources") {
		s := pipeline.Source{
			Key: keys.Draw(rt, "key"), Fingerprint: pipeline.Fingerprint(rapid.Uint64Range(1<<63-1, 1<<63+1).Draw(rt, "fingerprint")),
			Ends: r.now.Add(span(-sec, 30*sec).Draw(rt, "ends")), Both: rapid.Bool().Draw(rt, "both"),
		}
		if r.m.sources[s.Key] == nil {
			r.m.sources[s.Key] = map[pipeline.Fingerprint]pipeline.Source{}
		}
		r.m.sources[s.Key][s.Fingerprint] = s
		all = append(all, s)
	}
	_, _, err := r.g.Put(t.Context(), r.now, nil, all)
	must(rt, err)
}

// same compares what can be seen without changing anything.
func (r *random) same(t *testing.T, rt *rapid.T) {
	next, err := r.g.NextDue(t.Context())
	must(rt, err)
	if want, any := r.m.nextDue(); any == next.IsZero() || any && micros(next) != want {
		rt.Fatalf("NextDue = %v, want %v µs (any: %v)", next, want, any)
	}
	asked := []string{"a", "b", "c", "d", "结点", "q' \"{}:*\x00\n", "\xff", "never"}
	due, err := r.g.Due(t.Context(), asked)
	must(rt, err)
	if len(due) != len(r.m.groups) {
		rt.Fatalf("Due tells of %d groups, want %d", len(due), len(r.m.groups))
	}
	var want []pipeline.Source
	for _, key := range asked {
		if g := r.m.groups[key]; g != nil && micros(due[key]) != g.due {
			rt.Fatalf("Due of %q is %d, want %d µs", key, micros(due[key]), g.due)
		}
		for _, s := range r.m.sources[key] {
			if s.Ends.After(r.now) {
				want = append(want, s)
			}
		}
	}
	got, err := r.g.Sources(t.Context(), r.now, asked)
	must(rt, err)
	if diff := gocmp.Diff(want, got, sameSources...); diff != "" {
		rt.Fatalf("Sources (-want +got):\n%s", diff)
	}
}

// fataler is a test of either kind.
type fataler interface {
	Helper()
	Fatal(args ...any)
}

func must(t fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
