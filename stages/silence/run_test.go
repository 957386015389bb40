package silence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

func TestAnIdleSilenceEnds(t *testing.T) {
	w := openOne(t)
	s := silenceOfRule("A")
	s.EndsAt, s.IdleEnd = t0.Add(100*time.Hour), pipeline.Duration(24*time.Hour)
	id := w.put(t, s)
	w.clock.pass(20 * time.Hour)
	w.Hit(id, 2)
	w.tick(t)
	w.clock.pass(23 * time.Hour)
	w.tick(t)
	if !quiet(w, "alertname", "A") || w.woken != 0 {
		t.Fatalf("it ended %s after the last match", 23*time.Hour)
	}
	w.clock.pass(time.Hour)
	w.tick(t)
	if one := w.get(t, id); one.State(w.clock.now) != Expired || one.EndedWhy != "nothing matched for 24h" || w.woken != 1 {
		t.Errorf("a day after the last match: %+v, woken %d times, want it over, and why", one, w.woken)
	}
}

func TestASilenceIsNotIdleFromTheStart(t *testing.T) {
	w := openOne(t)
	s := silenceOfRule("A")
	s.StartsAt, s.EndsAt, s.IdleEnd = t0.Add(10*time.Hour), t0.Add(100*time.Hour), pipeline.Duration(time.Hour)
	id := w.put(t, s)
	w.clock.pass(10*time.Hour + 59*time.Minute)
	w.tick(t)
	if one := w.get(t, id); one.State(w.clock.now) != Active {
		t.Errorf("an hour has not passed since its start, and it is %s: %s", one.State(w.clock.now), one.EndedWhy)
	}
}

func TestTheEndOfASilenceIsToldOnce(t *testing.T) {
	docs, c := files(t), &clock{t0}
	w := open(t, docs, "self", c, DefaultConfig())
	long, short := silenceOfRule("A"), silenceOfRule("B")
	long.EndsAt, short.EndsAt = t0.Add(2*time.Hour), t0.Add(59*time.Minute)
	id := w.put(t, long)
	w.put(t, short)
	c.pass(58 * time.Minute)
	w.tick(t)
	c.pass(31 * time.Minute)
	w.Hit(id, 41)
	w.tick(t)
	if len(w.told) != 0 {
		t.Fatalf("told %q 31 minutes before the end", w.told)
	}
	c.pass(time.Minute)
	w.fail = errors.New("the bus is away")
	if err := w.work(t.Context()); err == nil {
		t.Fatal("it could not be told, and nobody said so")
	}
	w.fail = nil
	w.tick(t)
	w.tick(t)
	again := open(t, docs, "self", c, DefaultConfig())
	again.tick(t)
	if want := []string{id + " 41"}; !slices.Equal(w.told, want) || len(again.told) != 0 {
		t.Errorf("told %q, and after a restart %q, want once %q", w.told, again.told, want)
	}
	one := w.get(t, id)
	one.EndsAt = one.EndsAt.Add(time.Hour)
	w.put(t, one)
	c.pass(time.Hour)
	w.tick(t)
	if len(w.told) != 2 {
		t.Errorf("told %q, want its new end, too", w.told)
	}
}

func TestHitsGoOnAfterARestart(t *testing.T) {
	docs, c := files(t), &clock{t0}
	w := open(t, docs, "self", c, DefaultConfig())
	id := w.put(t, silenceOfRule("A"))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	w.Hit(id, 5)
	if err := w.Run(ctx); err != nil { // it writes what is left
		t.Fatal(err)
	}
	again := open(t, docs, "self", c, DefaultConfig())
	c.pass(time.Minute)
	again.Hit(id, 2) // before anything was read
	for range 2 {
		again.tick(t)
	}
	hits, err := again.Hits(t.Context())
	if want := (pipeline.Hits{Alerts: 7, Last: c.now}); err != nil || hits[id] != want {
		t.Errorf("hits = %+v, %v, want %+v", hits[id], err, want)
	}
}

func TestWhatIsOverIsForgotten(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Max = 10
	w := open(t, files(t), "self", &clock{t0}, cfg)
	id := w.put(t, silenceOfRule("A"))
	w.Hit(id, 1)
	if _, err := w.Ack(t.Context(), pipeline.Ack{Fingerprint: 7, By: "x"}); err != nil {
		t.Fatal(err)
	}
	w.tick(t)
	w.clock.pass(time.Hour + 120*time.Hour)
	w.tick(t)
	if len(w.List(w.clock.now)) != 1 || len(w.acks.all) != 0 {
		t.Fatalf("before its time: %d silences, %d acks in the store, want 1 and 0", len(w.List(w.clock.now)), len(w.acks.all))
	}
	w.clock.pass(time.Second)
	w.tick(t)
	docs, err := w.deps.Hits.All(t.Context())
	if len(w.List(w.clock.now)) != 0 || err != nil || len(docs) != 0 {
		t.Errorf("%d silences and %d counts are left, %v, want none", len(w.List(w.clock.now)), len(docs), err)
	}
	// What is over never takes the room of what is not.
	for i := range 25 {
		s := silenceOfRule(fmt.Sprint(i))
		s.EndsAt = w.clock.now.Add(time.Hour)
		if err := w.Expire(t.Context(), w.put(t, s), ""); err != nil {
			t.Fatal(err)
		}
		w.clock.pass(time.Second)
	}
	w.tick(t)
	if n := len(w.List(w.clock.now)); n != 20 {
		t.Errorf("%d that are over are kept, want twice silences.max", n)
	}
}

// A hook that fails is called again.
func TestWakingIsTriedAgain(t *testing.T) {
	w := openOne(t)
	id := w.put(t, silenceOfRule("A"))
	w.fail = errors.New("the store is away")
	if err := w.Expire(t.Context(), id, ""); err != nil {
		t.Fatalf("Expire = %v: it has ended, whatever became of the groups", err)
	}
	w.fail = nil
	w.tick(t)
	w.tick(t)
	if w.woken != 2 {
		t.Errorf("groups were woken %d times, want again until it worked", w.woken)
	}
}

func TestAcks(t *testing.T) {
	w := openOne(t)
	a, err := w.Ack(t.Context(), pipeline.Ack{Fingerprint: 7, By: " li.na ", Comment: "looking", Via: "api"})
	if err != nil || a.By != "li.na" || !a.At.Equal(t0) || !a.Until.Equal(t0.Add(4*time.Hour)) {
		t.Fatalf("Ack = %+v, %v, want it from now for 4h", a, err)
	}
	if by, ok := w.Acked(7, t0); !ok || by != (pipeline.Suppressed{Why: pipeline.ByAck, By: "li.na", Until: a.Until}) {
		t.Errorf("Acked = %+v, %v", by, ok)
	}
	if _, ok := w.Acked(8, t0); ok {
		t.Error("another alert is acknowledged as well")
	}
	if _, ok := w.Acked(7, a.Until); ok {
		t.Error("it lasts on and on")
	}
	shorter := pipeline.Ack{Fingerprint: 7, By: "wang.fang", Until: t0.Add(time.Hour)}
	if _, err := w.Ack(t.Context(), shorter); err != nil || w.woken != 1 {
		t.Errorf("shortened: %v, woken %d times, want what waits for the old end to look again", err, w.woken)
	}
	if all := w.Acks(t0); len(all) != 1 || all[0].By != "wang.fang" {
		t.Errorf("Acks = %+v, want the later one", all)
	}
	if err := w.Unack(t.Context(), 7); err != nil || w.woken != 2 || len(w.Acks(t0)) != 0 {
		t.Errorf("Unack = %v, woken %d times, left %+v", err, w.woken, w.Acks(t0))
	}
	wantStatus(t, w.Unack(t.Context(), 7), 404, "0000000000000007")
	for text, bad := range map[string]pipeline.Ack{
		"by is missing": {Fingerprint: 7, By: " "},
		"for some time": {Fingerprint: 7, By: "x", Until: t0},
		"168h0m0s":      {Fingerprint: 7, By: "x", Until: t0.Add(8 * 24 * time.Hour)},
	} {
		_, err := w.Ack(t.Context(), bad)
		wantStatus(t, err, 400, text)
	}
}

// What another router took just before old acknowledgements are forgotten here applies here, too.
func TestForgettingMissesNothing(t *testing.T) {
	url, c := redistest.Start(t).URL(), &clock{t0}
	a := open(t, redis(t, url), "a", c, DefaultConfig())
	b := open(t, redis(t, url), "b", c, DefaultConfig())
	if _, err := a.Ack(t.Context(), pipeline.Ack{Fingerprint: 1, By: "li.na"}); err != nil {
		t.Fatal(err)
	}
	c.pass(24 * time.Hour)
	old := a.chores(c.now)
	if len(old.acks) != 1 {
		t.Fatalf("to forget: %v, want one acknowledgement", old.acks)
	}
	if _, err := b.Ack(t.Context(), pipeline.Ack{Fingerprint: 2, By: "wang.fang"}); err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	err := a.forget(t.Context(), old)
	a.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := a.Acked(2, c.now); !ok {
		t.Error("what b acknowledged does not apply at a")
	}
}

// lost is a store that takes a change and whose answer is lost.
type lost struct{ Documents }

func (l lost) Put(ctx context.Context, docs ...pipeline.Document) error {
	return errors.Join(l.Documents.Put(ctx, docs...), errors.New("the connection broke"))
}

func TestAChangeWhoseAnswerWasLostWakes(t *testing.T) {
	w := openOne(t)
	id := w.put(t, silenceOfRule("A"))
	there := w.silences.docs
	w.silences.docs = lost{there}
	if err := w.Expire(t.Context(), id, "li.na"); err == nil {
		t.Fatal("want an error")
	}
	w.silences.docs = there
	if err := w.Expire(t.Context(), id, "li.na"); err != nil {
		t.Fatal(err)
	}
	w.tick(t)
	if quiet(w, "alertname", "A") || w.woken == 0 {
		t.Errorf("quiet %v, woken %d times: what still fires has to be told", quiet(w, "alertname", "A"), w.woken)
	}
}
