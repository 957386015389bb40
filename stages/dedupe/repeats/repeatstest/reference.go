package repeatstest

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/dedupe/repeats"
)

// testReference plays random sequences on few keys and short quiet times against a reference that keeps
// every occurrence. between, when given, happens before each step: it may exchange the engine.
func testReference(t *testing.T, fresh func(t *testing.T) repeats.Engine, between func(*testing.T, repeats.Engine) repeats.Engine) {
	rapid.Check(t, func(rt *rapid.T) {
		w, ref := fresh(t), reference{}
		now := time.Duration(0)
		for n := range rapid.IntRange(1, 60).Draw(rt, "steps") {
			if between != nil && rapid.IntRange(0, 4).Draw(rt, "between") == 0 {
				w = between(t, w)
			}
			key := rapid.SampledFrom([]string{"k", "l"}).Draw(rt, "key")
			now += time.Duration(rapid.IntRange(0, 90).Draw(rt, "seconds")) * time.Second
			h := loud(key, fmt.Sprint("id", n), now)
			h.For, h.Escalate = 2*time.Minute, 3
			switch rapid.IntRange(0, 7).Draw(rt, "what") {
			case 0:
				message(rt, w, ref, key)
				continue
			case 1:
				if e := ref.current(key); e != nil && e.remembered(at(now)) { // redelivered
					h.ID, h.At = e.id, e.at
				}
			case 2:
				if e := ref.current(key); e != nil && len(e.passed) > 0 { // redelivered
					h.ID = rapid.SampledFrom(e.passed).Draw(rt, "passed").id
				}
			case 3:
				look(rt, w, ref, now)
				continue
			}
			want := ref.observe(h)
			got, err := w.Observe(t.Context(), []pipeline.Hit{h})
			if err != nil || !gocmp.Equal(got[0], want) {
				rt.Fatalf("Observe(%v) = %v, %v, want %v", h, got, err, want)
			}
		}
	})
}

// message tells a key's repeats.
func message(rt *rapid.T, w repeats.Engine, ref reference, key string) {
	e := ref.current(key)
	if e == nil {
		return
	}
	r := ref.untold(key)
	got, err := w.Untold(rt.Context(), []pipeline.Episode{r.Episode})
	if err != nil || !gocmp.Equal(got[0], r) {
		rt.Fatalf("Untold(%v) = %v, %v, want %v", r.Episode, got, err, r)
	}
	e.told = len(e.repeats)
	if err := w.Told(rt.Context(), got); err != nil {
		rt.Fatal(err)
	}
}

// look sums up what is over.
func look(rt *rapid.T, w repeats.Engine, ref reference, now time.Duration) {
	want := ref.ended(at(now))
	got, err := w.Ended(rt.Context(), at(now), 100)
	slices.SortFunc(got, func(a, b pipeline.Ending) int { return cmp.Compare(a.Key, b.Key) })
	if diff := gocmp.Diff(want, got); err != nil || diff != "" {
		rt.Fatalf("Ended(%s): %v (-want +got):\n%s", now, err, diff)
	}
	var all []pipeline.Repeats
	for _, e := range got {
		all = append(all, e.Repeats)
	}
	if err := w.Closed(rt.Context(), all); err != nil {
		rt.Fatal(err)
	}
}

// reference keeps all episodes of each key with all their repeats.
type reference map[string][]*refEpisode

type refEpisode struct {
	id      string
	at      time.Time
	quiet   time.Duration
	stands  []time.Time // what the opening alert stands for
	repeats []time.Time
	told    int
	passed  []refPassed
	closed  bool
	planned bool // there was a repeat that did not pass
}

// remembered reports whether an engine has to know the episode still: one whose quiet time is over, and that
// has nothing to tell, may be forgotten for a new key.
func (e *refEpisode) remembered(now time.Time) bool {
	return len(e.repeats) > 0 || now.Before(e.at.Add(e.quiet))
}

type refPassed struct {
	id   string
	seen pipeline.Seen
}

func (r reference) current(key string) *refEpisode {
	if all := r[key]; len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}

func (r reference) observe(h pipeline.Hit) pipeline.Seen {
	e := r.current(h.Key)
	if e != nil && h.ID != e.id && h.At.Before(e.at.Add(h.For)) {
		return e.repeat(h)
	}
	if e == nil || h.ID != e.id {
		next := &refEpisode{id: h.ID, at: h.At, quiet: h.For}
		if e != nil {
			next.stands = slices.Clone(e.repeats[e.told:])
		}
		next.stands = append(next.stands, h.At)
		r[h.Key] = append(r[h.Key], next)
		e = next
	}
	return pipeline.Seen{First: true, Count: uint64(len(e.stands)), FirstSeen: e.stands[0], LastSeen: e.at}
}

func (e *refEpisode) repeat(h pipeline.Hit) pipeline.Seen {
	for _, p := range e.passed {
		if p.id == h.ID {
			return p.seen
		}
	}
	e.repeats = append(e.repeats, h.At)
	n := uint64(1 + len(e.repeats))
	if !slices.Contains([]uint64{3, 9, 27, 81}, n) {
		e.planned = true
		return pipeline.Seen{}
	}
	e.told = len(e.repeats)
	seen := pipeline.Seen{Escalated: true, Episode: e.id, Count: n, FirstSeen: e.at, LastSeen: h.At}
	e.passed = append(e.passed, refPassed{h.ID, seen})
	return seen
}

func (r reference) untold(key string) pipeline.Repeats {
	e := r.current(key)
	all := pipeline.Repeats{Episode: pipeline.Episode{Key: key, ID: e.id}, N: uint64(len(e.repeats))}
	if all.N > 0 {
		all.Last = e.repeats[len(e.repeats)-1]
	}
	return all
}

// ended closes what is over by now, and returns what of it has something to tell.
func (r reference) ended(now time.Time) (ended []pipeline.Ending) {
	for _, key := range []string{"k", "l"} {
		e := r.current(key)
		if e == nil || e.closed || !e.planned || now.Before(e.at.Add(e.quiet+repeats.Grace)) {
			continue
		}
		e.closed = true
		if e.told < len(e.repeats) {
			e.told = len(e.repeats)
			ended = append(ended, pipeline.Ending{Repeats: r.untold(key), Opened: e.at, Alert: *alertOf(key)})
		}
	}
	return ended
}
