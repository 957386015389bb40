package whitelist

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tocsin-security/tocsin/pipeline"
)

// hits lets the entry of l cover R at some seconds, as a matcher does, and returns how many samples were made.
func hits(t *testing.T, l *List, seconds ...int) (samples int) {
	t.Helper()
	for _, s := range seconds {
		ev := backup()
		ev.Time += int64(s) * 1e9
		id, ok := l.Bypass("R", ev)
		if !ok {
			t.Fatal("Bypass = false, want true")
		}
		if l.Wants(id, "R", ev) {
			samples++
			l.Keep(id, pipeline.Alert{ID: "sample " + ev.At().UTC().Format(time.TimeOnly), Rule: "R"})
		}
	}
	return samples
}

func TestHitsAreCounted(t *testing.T) {
	l, _ := parse(entry("{proc.name: backup}"))
	if changes := l.Counts().Changes("h"); len(changes) != 0 {
		t.Fatalf("Changes = %v before any hit", changes)
	}
	if n := hits(t, l, 5, 0, 7, 14, 15, 16); n != 2 {
		t.Errorf("%d samples in eleven seconds, want 2: one in ten", n)
	}
	if n := hits(t, l, 1); n != 1 {
		t.Errorf("%d samples after the clock was set back, want 1", n)
	}
	l.Bypass("Other", backup())
	want := &pipeline.Covered{Entry: "e", Alert: "sample 12:00:01", Host: "h", Hits: 7, First: now, Last: now.Add(16 * time.Second)}
	changes := l.Counts().Changes("h")
	if len(changes) != 1 || changes[0].Rule != "R" || changes[0].ID == "" || changes[0].ID == want.Alert {
		t.Fatalf("Changes = %+v, want one of rule R with an id of its own", changes)
	}
	if diff := cmp.Diff(want, changes[0].Covered, cmpopts.IgnoreFields(pipeline.Covered{}, "Run")); diff != "" {
		t.Errorf("Covered (-want +got):\n%s", diff)
	}
	if err := changes[0].Covered.Validate(); err != nil {
		t.Error(err)
	}
	if again := l.Counts().Changes("h"); len(again) != 0 {
		t.Errorf("Changes = %v, want none: nothing was hit since", again)
	}
	hits(t, l, 17)
	again := l.Counts().Changes("h")
	if len(again) != 1 || again[0].Covered.Hits != 8 || again[0].ID == changes[0].ID || again[0].Covered.Run != changes[0].Covered.Run {
		t.Errorf("Changes = %+v, want 8 hits of the same run under a new id", again)
	}
	stats := l.Counts().Entries()
	if diff := cmp.Diff(map[string]EntryStats{"e": {Hits: 8, First: now.Local(), Last: now.Add(17 * time.Second).Local()}}, stats); diff != "" {
		t.Errorf("Entries (-want +got):\n%s", diff)
	}
}

// A reload goes on counting where the whitelist before it stopped, as long as the id stays.
func TestCountsGoOnOverAReload(t *testing.T) {
	before, _ := parse(entry("{proc.name: backup}"))
	hits(t, before, 0, 1)
	after, _ := parse(entry("{proc.name: [backup, restore]}", "owner: platform"))
	after.Continue(before.Counts())
	hits(t, after, 2)
	if all := after.Counts().All("h"); len(all) != 1 || all[0].Covered.Hits != 3 || !all[0].Covered.First.Equal(now) {
		t.Errorf("All = %+v, want 3 hits since %v", all, now)
	}
}

func TestStates(t *testing.T) {
	for want, text := range map[pipeline.EntryState]string{
		pipeline.EntryActive:  entry("{proc.name: backup}", "expires: 2026-06-02"),
		pipeline.EntryOff:     entry("{proc.name: backup}", `schedule: [{daily: "02:00-03:00"}]`),
		pipeline.EntryExpired: entry("{proc.name: backup}", "expires: 2026-06-01"),
		pipeline.EntryRefused: entry("{proc.nme: backup}"),
	} {
		l, _ := parse(text)
		if got := l.Usage(now)[0].State; got != want {
			t.Errorf("State = %s, want %s for\n%s", got, want, text)
		}
	}
	l, _ := parse(entry("{proc.name: backup}", "expires: 2026-06-01T12:00:10Z"))
	for _, c := range []struct{ after, until, want int }{{0, 9, 0}, {0, 10, 1}, {9, 20, 1}, {10, 20, 0}} {
		after, until := now.Add(time.Duration(c.after)*time.Second), now.Add(time.Duration(c.until)*time.Second)
		if got := l.ExpiredBetween(after, until); len(got) != c.want {
			t.Errorf("ExpiredBetween(%d s, %d s) = %v, want %d", c.after, c.until, got, c.want)
		}
	}
}

func TestABypassAllocatesNothing(t *testing.T) {
	l, _ := parse(entry("{proc.name: backup}", `schedule: [{daily: "22:00-15:00", location: Europe/Berlin}]`))
	ev := backup()
	hits(t, l, 0)
	if n := testing.AllocsPerRun(100, func() {
		if id, ok := l.Bypass("R", ev); !ok || l.Wants(id, "R", ev) {
			t.Fatal("want a hit without a sample")
		}
	}); n != 0 {
		t.Errorf("%v allocations a bypass, want none", n)
	}
}
