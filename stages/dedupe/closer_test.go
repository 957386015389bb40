package dedupe_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/dedupe"
	"github.com/tocsin-security/tocsin/stages/dedupe/repeats"
)

// process runs alerts through dedupe, at their own times.
func process(t *testing.T, d *dedupe.Dedupe, alerts ...pipeline.Alert) []pipeline.Alert {
	t.Helper()
	pass, _, err := d.Process(t.Context(), alerts)
	if err != nil {
		t.Fatal(err)
	}
	return pass
}

func now(id string) pipeline.Alert {
	a := pipeline.Alert{ID: id, Time: time.Now(), Rule: "r", Labels: map[string]string{"team": "sec"}, Fingerprint: 1}
	return a
}

// What is summed up is told once, whatever fails on the way.
func TestCloser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := repeats.NewMemory(0)
		d := dedupe.New(dedupe.Config{}, w)
		var mu sync.Mutex // guards what follows
		var got []pipeline.Alert
		fail := errors.New("the disk is full")
		emit := func(_ context.Context, alerts []pipeline.Alert) error {
			mu.Lock()
			defer mu.Unlock()
			if fail == nil {
				got = append(got, alerts...)
			}
			return fail
		}
		go func() {
			if err := dedupe.NewCloser(w, emit, slog.New(slog.DiscardHandler)).Run(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		begin := time.Now()
		for i := range 37 {
			process(t, d, now(fmt.Sprint("id", i)))
			time.Sleep(time.Second)
		}
		time.Sleep(dedupe.DefaultFor)
		mu.Lock()
		if len(got) != 0 {
			t.Errorf("%d summaries while emit fails", len(got))
		}
		fail = nil
		mu.Unlock()
		time.Sleep(time.Hour)
		mu.Lock()
		defer mu.Unlock()
		if len(got) != 1 {
			t.Fatalf("%d summaries, want one: %+v", len(got), got)
		}
		a := got[0]
		if !a.Closing || a.Count != 37 || a.Episode != "id0" || a.ID == "id0" || a.Labels["team"] != "sec" ||
			!a.FirstSeen.Equal(begin.Truncate(time.Microsecond)) || !a.LastSeen.Equal(begin.Add(36*time.Second).Truncate(time.Microsecond)) {
			t.Errorf("summary: %+v, want ×37 of id0, since %s, last 36 s later", a, begin)
		}
		if next := process(t, d, now("next")); len(next) != 1 || next[0].Count != 1 {
			t.Errorf("the next occurrence: %+v, want one that stands for itself: the rest was summed up", next)
		}
	})
}

func TestSettingsOfARule(t *testing.T) {
	off, no := uint64(0), false
	two := uint64(2)
	for name, tc := range map[string]struct {
		cfg      dedupe.Config
		change   func(*pipeline.Alert)
		escalate uint64
		summary  bool
		quiet    time.Duration
	}{
		"nothing is set":                  {dedupe.Config{}, func(*pipeline.Alert) {}, 10, true, dedupe.DefaultFor},
		"the configuration's":             {dedupe.Config{Escalate: &two, Summary: &no}, func(*pipeline.Alert) {}, 2, false, dedupe.DefaultFor},
		"the rule's":                      {dedupe.Config{Escalate: &two}, func(a *pipeline.Alert) { a.Escalate, a.Summary = &off, &no }, 0, false, dedupe.DefaultFor},
		"a cooldown over the quiet time":  {dedupe.Config{}, func(a *pipeline.Alert) { a.Cooldown = time.Hour }, 10, true, time.Hour},
		"a cooldown under the quiet time": {dedupe.Config{}, func(a *pipeline.Alert) { a.Cooldown, a.QuietFor = time.Hour, 2*time.Hour }, 10, true, 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			w := &fake{seen: func(pipeline.Hit) pipeline.Seen { return pipeline.Seen{} }}
			a := alert("a", 1, 0)
			tc.change(&a)
			process(t, dedupe.New(tc.cfg, w), a)
			if h := w.asked[0]; h.Escalate != tc.escalate || h.Alert != nil != tc.summary || h.For != tc.quiet {
				t.Errorf("the window was asked with %+v, want escalate %d, summary %v, for %s", h, tc.escalate, tc.summary, tc.quiet)
			}
		})
	}
}

// A thousand processes of one program on one file are one thing, told at the 1st, 10th, 100th and 1000th.
func TestThousandProcesses(t *testing.T) {
	d := dedupe.New(dedupe.Config{}, repeats.NewMemory(0))
	var told []string
	for pid := range 1000 {
		a := now(fmt.Sprint("id", pid))
		a.OutputFields = pipeline.Fields{"proc.pid": pid, "thread.tid": pid, "evt.time": a.Time.UnixNano()}
		a.SetIdentity(map[string]string{"container_id": "host", "proc_exepath": "/usr/bin/cat", "object": "/etc/shadow"})
		for _, p := range process(t, d, a) {
			told = append(told, fmt.Sprint(p.Count, p.Escalated))
		}
	}
	if got, want := fmt.Sprint(told), "[1 false 10 true 100 true 1000 true]"; got != want {
		t.Errorf("told %s, want %s", got, want)
	}
}
