package history

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/shared"
	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

const resolve = 5 * time.Minute

// t0 is recent, since numbers of rows are the time at which they came.
var t0 = time.Now().Truncate(time.Second).UTC()

// opener opens a history that knows nothing yet.
type opener func(t testing.TB, cfg Config) *History

func openTestFile(t testing.TB, cfg Config) *History {
	t.Helper()
	h, err := OpenFile(context.Background(), cfg, filepath.Join(t.TempDir(), "history.db"), resolve, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return h
}

func openTestRedis(url string, empty func()) opener {
	return func(t testing.TB, cfg Config) *History {
		t.Helper()
		empty()
		s, err := shared.Open(context.Background(), url+"?timeout=20s", Scripts(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if s.Degraded() {
				t.Errorf("the store is away: %+v", s.LastOutage())
			}
			s.Close()
		})
		return OpenShared(s, cfg, resolve, slog.New(slog.DiscardHandler))
	}
}

func TestFile(t *testing.T) { suite(t, openTestFile) }

func TestRedis(t *testing.T) {
	t.Run("alone", func(t *testing.T) {
		server := redistest.Start(t)
		suite(t, openTestRedis(server.URL(), func() { server.Do("FLUSHALL") }))
	})
	t.Run("with the documented rights, in a cluster", func(t *testing.T) {
		url := redistest.StartWithUser(t)
		search(t, openTestRedis(url, func() {}))
		steps(t, openTestRedis(url, func() {}))
		url = redistest.StartCluster(t).URL()
		search(t, openTestRedis(url, func() {}))
		steps(t, openTestRedis(url, func() {}))
	})
}

// suite is what every engine has to do.
func suite(t *testing.T, open opener) {
	t.Run("accounts as a reference has them", func(t *testing.T) { likeReference(t, open) })
	t.Run("search", func(t *testing.T) { search(t, open) })
	t.Run("filtered", func(t *testing.T) { filtered(t, open) })
	t.Run("search goes on where it was", func(t *testing.T) { pages(t, open) })
	t.Run("steps", func(t *testing.T) { steps(t, open) })
	t.Run("what is too old goes, what is live stays", func(t *testing.T) { tooOld(t, open) })
	t.Run("what is over stays known for as long as history is kept", func(t *testing.T) { overSince(t, open) })
	t.Run("what is too much goes", func(t *testing.T) { tooMuch(t, open) })
	t.Run("what completes an alert that is not known", func(t *testing.T) { completesNothing(t, open) })
	t.Run("the same batch again", func(t *testing.T) { redelivered(t, open) })
}

func event(id string, what string, at time.Time) pipeline.Alert {
	a := pipeline.Alert{
		ID: id, Time: at, Rule: "Rule " + what, Priority: pipeline.Critical, Source: "syscall", Hostname: "node-1", Tags: []string{"t"},
		Output: "output of " + what, Labels: map[string]string{"alertname": "Rule " + what, "pod": what},
		OutputFields: pipeline.Fields{"proc.name": what, "evt.num": nil, "quoted": "a\"b\\<\n结"},
		Annotations:  map[string]string{"summary": "s"},
	}
	a.Fingerprint = pipeline.FingerprintOf(a.Labels)
	return a
}

func posted(id, what, note string, s pipeline.Stateful) pipeline.Alert {
	a := event(id, "stateful "+what, s.StartsAt)
	a.Annotations, a.Stateful = map[string]string{"note": note}, &s
	return a
}

func must(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var same = cmp.Options{cmpopts.EquateEmpty(), cmpopts.IgnoreFields(pipeline.Alert{}, "OutputFields")}

// reference knows everything that was recorded, and says what follows from all of it.
type reference struct {
	events map[pipeline.Fingerprint][]pipeline.Alert // in order; those of repeats have Count 0
	posts  map[pipeline.Fingerprint][]pipeline.Alert
	at     map[string]time.Time // when what was recorded, by id
}

func (r *reference) known(fp pipeline.Fingerprint) *pipeline.Known {
	if posts := r.posts[fp]; len(posts) > 0 {
		return r.postedKnown(posts)
	}
	occurred := r.events[fp]
	if len(occurred) == 0 {
		return nil
	}
	k := &pipeline.Known{Occurrences: uint64(len(occurred))}
	for i, a := range occurred {
		if a.Count > 0 || i == 0 {
			k.Alert = a
		}
		if a.Count > 0 {
			k.Repeats = 0
		} else {
			k.Repeats++
		}
		if i == 0 || a.Time.After(k.EndsAt) {
			k.StartsAt = a.Time
		}
		if i == 0 || a.Time.Before(k.First) {
			k.First = a.Time
		}
		if a.Time.Before(k.StartsAt) {
			k.StartsAt = a.Time
		}
		if a.Time.After(k.Last) {
			k.Last = a.Time
		}
		k.EndsAt = k.Last.Add(resolve)
		k.UpdatedAt = r.at[a.ID]
	}
	k.Count, k.FirstSeen, k.LastSeen = k.Occurrences, k.First, k.Last
	return k
}

func (r *reference) postedKnown(posts []pipeline.Alert) *pipeline.Known {
	k := &pipeline.Known{}
	var s *pipeline.Stateful
	for _, a := range posts {
		now := r.at[a.ID]
		fired := s != nil && s.EndsAt.After(now)
		if s == nil {
			s = a.Stateful
			k.Alert, k.First = a, s.StartsAt
		} else {
			if !a.Stateful.UpdatedAt.Before(s.UpdatedAt) && a.Annotations["note"] != k.Annotations["note"] {
				k.Alert = a
			}
			s = s.Merge(a.Stateful)
		}
		if s.StartsAt.Before(k.First) {
			k.First = s.StartsAt
		}
		if s.UpdatedAt.After(k.Last) {
			k.Last = s.UpdatedAt
		}
		if s.EndsAt.After(now) && !fired {
			k.Occurrences++
		}
	}
	k.Alert.Stateful = s
	k.StartsAt, k.EndsAt, k.UpdatedAt = s.StartsAt, s.EndsAt, s.UpdatedAt
	return k
}

// likeReference records random batches, in which events come late and producers disagree, and compares.
func likeReference(t *testing.T, open opener) {
	rapid.Check(t, func(rt *rapid.T) {
		h := open(t, DefaultConfig())
		ref := &reference{map[pipeline.Fingerprint][]pipeline.Alert{}, map[pipeline.Fingerprint][]pipeline.Alert{}, map[string]time.Time{}}
		now, n := t0, 0
		name := rapid.SampledFrom([]string{"a", "b", "c"})
		seconds := func(least, most int) time.Duration {
			return time.Duration(rapid.IntRange(least, most).Draw(rt, "s")) * time.Second
		}
		next := func() string { n++; return fmt.Sprint("id", n) }
		rt.Repeat(map[string]func(*rapid.T){
			"events": func(rt *rapid.T) {
				now = now.Add(seconds(0, 400))
				var passed, repeats []pipeline.Alert
				for range rapid.IntRange(1, 4).Draw(rt, "n") {
					a := event(next(), name.Draw(rt, "name"), now.Add(-seconds(0, 40)))
					if rapid.Bool().Draw(rt, "passed") {
						a.Count = 1
						passed = append(passed, a)
					} else {
						repeats = append(repeats, a)
					}
				}
				must(rt, h.Record(context.Background(), now, passed, repeats))
				for _, a := range slices.Concat(passed, repeats) {
					ref.events[a.Fingerprint] = append(ref.events[a.Fingerprint], a)
					ref.at[a.ID] = now
				}
			},
			"posts": func(rt *rapid.T) {
				now = now.Add(seconds(1, 400))
				var passed []pipeline.Alert
				for range rapid.IntRange(1, 3).Draw(rt, "n") {
					s := pipeline.Stateful{StartsAt: now.Add(-seconds(0, 900)), UpdatedAt: now.Add(-seconds(0, 3)), Timeout: rapid.Bool().Draw(rt, "timeout")}
					s.EndsAt = s.StartsAt.Add(seconds(0, 1200))
					a := posted(next(), name.Draw(rt, "name"), rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "note"), s)
					passed = append(passed, a)
				}
				must(rt, h.Record(context.Background(), now, passed, nil))
				for _, a := range passed {
					ref.posts[a.Fingerprint] = append(ref.posts[a.Fingerprint], a)
					ref.at[a.ID] = now
				}
			},
			"": func(rt *rapid.T) {
				var live []pipeline.Live
				for _, fp := range slices.Sorted(maps.Keys(merged(ref.events, ref.posts))) {
					want := ref.known(fp)
					got, err := h.Get(context.Background(), fp)
					must(rt, err)
					if diff := cmp.Diff(want, got, same); diff != "" {
						rt.Fatalf("Get (-want +got):\n%s", diff)
					}
					if want.EndsAt.After(now) {
						live = append(live, want.Live)
					}
				}
				got, err := h.Live(context.Background(), now)
				must(rt, err)
				if diff := cmp.Diff(live, got, same); diff != "" {
					rt.Fatalf("Live (-want +got):\n%s", diff)
				}
			},
		})
	})
}

func merged[K comparable, V any](a, b map[K]V) map[K]V {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// filtered looks for live alerts by what their labels are, however JSON writes that.
func filtered(t *testing.T, open opener) {
	h := open(t, DefaultConfig())
	values := []string{"shop", "shopping", "", `a"b\c`, "<&>", "终端", "line\nfeed\x01\u2028", "%_", "pod", "😀"}
	var alerts []pipeline.Alert
	for i, value := range values {
		a := event(fmt.Sprint(i), fmt.Sprint(i), t0)
		a.Annotations["team"] = "shop" // is no label
		if value != "" {
			a.Labels["team"] = value
		}
		a.Fingerprint = pipeline.FingerprintOf(a.Labels)
		alerts = append(alerts, a)
	}
	must(t, h.Record(t.Context(), t0, alerts, nil))
	for _, value := range append(values, "none", "t%", "eam") {
		for _, isEqual := range []bool{true, false} {
			ms := []pipeline.Matcher{{Name: "team", Value: value, IsEqual: isEqual}, {Name: "alertname", Value: "Rule .*", IsRegex: true, IsEqual: true}}
			got := map[string]bool{}
			must(t, h.EachLive(t.Context(), t0, ms, func(l pipeline.Live) error { got[l.ID] = true; return nil }))
			for i, has := range values {
				if want := (has == value) == isEqual; got[fmt.Sprint(i)] != want {
					t.Errorf("team %q is found by %q (equal: %v): %v, want %v", has, value, isEqual, !want, want)
				}
			}
		}
	}
	both := []pipeline.Matcher{{Name: "team", Value: "shop", IsEqual: true}, {Name: "alertname", Value: "Rule 1", IsEqual: true}}
	must(t, h.EachLive(t.Context(), t0, both, func(l pipeline.Live) error { return fmt.Errorf("%s has only one of both", l.ID) }))
}

func search(t *testing.T, open opener) {
	h := open(t, DefaultConfig())
	shell := event("1", "shell", t0.Add(-time.Hour))
	shell.Output, shell.Priority = "终端 Shell started by <root> & co", pipeline.Emergency
	passwd := event("2", "passwd", t0.Add(-2*time.Hour))
	passwd.Labels["team"] = "Payments"
	notice := event("3", "shell", t0.Add(-30*time.Minute))
	notice.Priority = pipeline.Notice
	fires := pipeline.Stateful{StartsAt: t0.Add(-20 * time.Minute), EndsAt: t0.Add(time.Hour), UpdatedAt: t0.Add(-20 * time.Minute)}
	ends := fires
	ends.UpdatedAt, ends.EndsAt = t0, t0.Add(-time.Minute)
	must(t, h.Record(t.Context(), t0.Add(-20*time.Minute), []pipeline.Alert{shell, passwd, notice, posted("4", "cpu", "x", fires)}, nil))
	must(t, h.Record(t.Context(), t0, []pipeline.Alert{posted("5", "cpu", "x", ends)}, []pipeline.Alert{event("6", "shell", t0)}))

	critical := pipeline.Critical
	for name, c := range map[string]struct {
		q    pipeline.HistoryQuery
		want string
	}{
		"all, the latest first": {pipeline.HistoryQuery{}, "5 resolved, 4 firing, 3 event, 1 event, 2 event"},
		"a rule":                {pipeline.HistoryQuery{Rule: "Rule shell"}, "3 event, 1 event"},
		"matchers": {pipeline.HistoryQuery{Matchers: []pipeline.Matcher{{Name: "pod", Value: "s.*", IsRegex: true, IsEqual: true},
			{Name: "pod", Value: "stateful.*", IsRegex: true}}}, "3 event, 1 event"},
		"text":                        {pipeline.HistoryQuery{Text: "SHELL STARTED"}, "1 event"},
		"text in Chinese":             {pipeline.HistoryQuery{Text: "终端"}, "1 event"},
		"text that is markup":         {pipeline.HistoryQuery{Text: "<ROOT> &"}, "1 event"},
		"text in a label":             {pipeline.HistoryQuery{Text: "payments"}, "2 event"},
		"text in a field's name only": {pipeline.HistoryQuery{Text: "evt.num"}, ""},
		"a kind":                      {pipeline.HistoryQuery{Kind: pipeline.OccurredResolved}, "5 resolved"},
		"a priority":                  {pipeline.HistoryQuery{Priority: &critical}, "5 resolved, 4 firing, 1 event, 2 event"},
		"from":                        {pipeline.HistoryQuery{From: t0.Add(-30 * time.Minute)}, "5 resolved, 4 firing, 3 event"},
		"to":                          {pipeline.HistoryQuery{To: t0.Add(-30 * time.Minute)}, "1 event, 2 event"},
		"one alert":                   {pipeline.HistoryQuery{Fingerprint: &passwd.Fingerprint}, "2 event"},
	} {
		page, err := h.Search(t.Context(), c.q)
		var got []string
		for _, o := range page.Occurrences {
			got = append(got, o.Alert.ID+" "+o.Kind)
		}
		if err != nil || strings.Join(got, ", ") != c.want || page.Next != "" {
			t.Errorf("%s: %v, %v, next %q, want %s", name, got, err, page.Next, c.want)
		}
	}
	page, err := h.Search(t.Context(), pipeline.HistoryQuery{Text: "<root>"})
	if err != nil || len(page.Occurrences) != 1 {
		t.Fatalf("Search = %+v, %v", page, err)
	}
	if diff := cmp.Diff(shell, page.Occurrences[0].Alert, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the alert of an occurrence (-want +got):\n%s", diff)
	}
	for _, q := range []pipeline.HistoryQuery{{Rule: "none"}, {Priority: new(pipeline.Emergency)}} {
		if page, err := h.Search(t.Context(), q); err != nil || page.Looked != 5 {
			t.Errorf("%+v: %d occurrences looked at, %v; want all of 5, since that is what is bounded", q, page.Looked, err)
		}
	}
	for _, q := range []pipeline.HistoryQuery{{Cursor: "x"}, {Matchers: []pipeline.Matcher{{Name: "a", Value: "(", IsRegex: true}}}} {
		if _, err := h.Search(t.Context(), q); err == nil {
			t.Errorf("%+v: no error", q)
		}
	}
}

// pages reads many occurrences, some of one time, in pages of any size: all of them, once, in order.
func pages(t *testing.T, open opener) {
	h := open(t, DefaultConfig())
	var want []string
	for i := range 10 {
		var some []pipeline.Alert
		for j := range 30 {
			a := event(fmt.Sprintf("%d-%d", i, j), fmt.Sprint("pod", j), t0.Add(-time.Duration(i/3)*time.Second))
			some = append(some, a)
			want = append(want, a.ID)
		}
		must(t, h.Record(t.Context(), t0, some, nil))
	}
	slices.Sort(want)
	for _, limit := range []int{1, 7, 100, 300, 1000} {
		var got []string
		last := t0.Add(time.Hour)
		for q := (pipeline.HistoryQuery{Limit: limit}); ; {
			page, err := h.Search(t.Context(), q)
			must(t, err)
			if len(page.Occurrences) > limit {
				t.Fatalf("a page of %d has %d", limit, len(page.Occurrences))
			}
			for _, o := range page.Occurrences {
				if o.At.After(last) {
					t.Fatalf("%s comes after %s", o.At, last)
				}
				last = o.At
				got = append(got, o.Alert.ID)
			}
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %d occurrences, want %d", limit, len(got), len(want))
		}
	}
}

func steps(t *testing.T, open opener) {
	h := open(t, DefaultConfig())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	a, b := event("1", "a", t0), event("2", "b", t0)
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	h.Note(
		pipeline.Step{At: at(-9), Fingerprint: a.Fingerprint, Stage: "route", Verdict: "routed"},
		pipeline.Step{At: at(-9), Fingerprint: a.Fingerprint, Stage: "dedupe", Verdict: "passed"},
		pipeline.Step{At: at(-8), Fingerprint: b.Fingerprint, Stage: "dedupe", Verdict: "passed"},
		pipeline.Step{At: at(-7), Fingerprint: a.Fingerprint, Stage: "flush", Verdict: "notified", Notification: "n1"},
	)
	n := pipeline.Notification{ID: "n1", Receiver: "oncall", Integration: "oncall.webhook-1", GroupKey: "g", Reason: "first notification", Alerts: []pipeline.Alert{a, b}}
	h.Attempt(n, 1, "retry", "503 try later", 2*time.Second)
	h.Attempt(n, 2, "sent", "", 0)
	n.ID, n.Integration = "n2", "oncall.email-1"
	h.Attempt(n, 0, "dead", "too much waits", 0)
	stop() // what waits is written all the same
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		of   pipeline.Alert
		want string
	}{
		{a, "dedupe passed, route routed, flush notified, deliver retry 1 503 try later; again in 2s, deliver sent 2, deliver dead too much waits"},
		{b, "dedupe passed, deliver retry 1 503 try later; again in 2s, deliver sent 2, deliver dead too much waits"},
		{event("", "unknown", t0), ""},
	} {
		found, err := h.Steps(t.Context(), c.of.Fingerprint)
		var got []string
		for _, s := range found {
			text := s.Stage + " " + s.Verdict
			if s.Attempt > 0 {
				text += fmt.Sprint(" ", s.Attempt)
			}
			got = append(got, strings.TrimSpace(text+" "+s.Detail))
			if s.Fingerprint != c.of.Fingerprint {
				t.Errorf("a step of another alert: %+v", s)
			}
		}
		if err != nil || strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %v\n got %s\nwant %s", c.of.Rule, err, strings.Join(got, ", "), c.want)
		}
	}
}

func trimAll(t *testing.T, h *History, now time.Time) {
	t.Helper()
	h.catchUp(t.Context())
	for range 10_000 {
		more, err := h.engine.trim(t.Context(), now)
		must(t, err)
		if !more {
			return
		}
	}
	t.Fatal("trimming does not end")
}

func tooOld(t *testing.T, open opener) {
	cfg := DefaultConfig()
	cfg.MaxAge = pipeline.Duration(time.Hour)
	h := open(t, cfg)
	forever := pipeline.Stateful{StartsAt: t0, EndsAt: t0.Add(1000 * time.Hour), UpdatedAt: t0}
	old, lives := event("1", "old", t0), posted("2", "lives", "x", forever)
	must(t, h.Record(t.Context(), t0, []pipeline.Alert{old, lives}, nil))
	must(t, h.engine.note(t.Context(), []line{{uint64(old.Fingerprint), pipeline.Step{Fingerprint: old.Fingerprint, Verdict: "x"}}}))
	trimAll(t, h, t0.Add(30*time.Minute))
	if page, err := h.Search(t.Context(), pipeline.HistoryQuery{}); err != nil || len(page.Occurrences) != 2 {
		t.Errorf("before max_age: %+v, %v", page, err)
	}
	for _, after := range []time.Duration{2 * time.Hour, 5 * time.Hour} {
		now := t0.Add(after)
		trimAll(t, h, now)
		page, err := h.Search(t.Context(), pipeline.HistoryQuery{})
		if err != nil || len(page.Occurrences) != 0 {
			t.Errorf("after %s: %+v, %v", after, page, err)
		}
		if k, err := h.Get(t.Context(), old.Fingerprint); err != nil || k != nil {
			t.Errorf("after %s the old alert is %+v, %v", after, k, err)
		}
		if s, err := h.Steps(t.Context(), old.Fingerprint); err != nil || len(s) > 0 {
			t.Errorf("after %s its steps are %+v, %v", after, s, err)
		}
		if live, err := h.Live(t.Context(), now); err != nil || len(live) != 1 || live[0].ID != "2" {
			t.Errorf("after %s live are %+v, %v", after, live, err)
		}
	}
}

// overSince has an alert that began before what is kept, and ended within: it is known, and may fire again as it was.
func overSince(t *testing.T, open opener) {
	cfg := DefaultConfig()
	cfg.MaxAge = pipeline.Duration(time.Hour)
	h := open(t, cfg)
	first := posted("1", "again", "x", pipeline.Stateful{StartsAt: t0, EndsAt: t0.Add(90 * time.Minute), UpdatedAt: t0})
	must(t, h.Record(t.Context(), t0, []pipeline.Alert{first}, nil))
	now := t0.Add(2 * time.Hour)
	trimAll(t, h, now)
	if k, err := h.Get(t.Context(), first.Fingerprint); err != nil || k == nil || k.Occurrences != 1 {
		t.Errorf("half an hour after its end it is %+v, %v", k, err)
	}
	again := posted("2", "again", "x", pipeline.Stateful{StartsAt: now, EndsAt: now.Add(time.Hour), UpdatedAt: now})
	must(t, h.Record(t.Context(), now, []pipeline.Alert{again}, nil))
	if live, err := h.Live(t.Context(), now); err != nil || len(live) != 1 {
		t.Errorf("when it fires again, live are %+v, %v", live, err)
	}
}

// noise is text in which nothing repeats.
func noise(n int) string {
	b := make([]byte, n/2)
	_, _ = rand.Read(b) // it does not fail
	return hex.EncodeToString(b)
}

func tooMuch(t *testing.T, open opener) {
	cfg := DefaultConfig()
	cfg.MaxSize = 2 << 20
	h := open(t, cfg)
	forever := pipeline.Stateful{StartsAt: t0, EndsAt: t0.Add(1000 * time.Hour), UpdatedAt: t0}
	must(t, h.Record(t.Context(), t0, []pipeline.Alert{posted("lives", "lives", "x", forever)}, nil))
	const all = 4000
	for i := 0; i < all; i += 200 {
		var some []pipeline.Alert
		for j := range 200 {
			a := event(fmt.Sprint(i+j), fmt.Sprint(i+j), t0.Add(time.Duration(i+j)*time.Millisecond-time.Hour))
			a.Output = noise(1500)
			some = append(some, a)
		}
		must(t, h.Record(t.Context(), t0, some, nil))
		trimAll(t, h, t0)
	}
	q := pipeline.HistoryQuery{Limit: 1000}
	var got []pipeline.Occurrence
	for {
		page, err := h.Search(t.Context(), q)
		must(t, err)
		got = append(got, page.Occurrences...)
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	if len(got) < 100 || len(got) > 1600 {
		t.Errorf("%d of %d occurrences are left in 2 MiB", len(got), all)
	}
	if len(got) > 0 && got[0].Alert.ID != fmt.Sprint(all-1) && got[1].Alert.ID != fmt.Sprint(all-1) {
		t.Errorf("the latest that is left is %s", got[0].Alert.ID)
	}
	if live, err := h.Live(t.Context(), t0); err != nil || len(live) != 1 || live[0].ID != "lives" {
		t.Errorf("live are %d, %v", len(live), err)
	}
	if k, err := h.Get(t.Context(), event("", "0", t0).Fingerprint); err != nil || k != nil {
		t.Errorf("the oldest is still known: %v, %v", k, err)
	}
}

// completesNothing has metadata of an alert that history does not know (any more): it is nothing that happened.
func completesNothing(t *testing.T, open opener) {
	h := open(t, DefaultConfig())
	late, known, next := event("1", "a", t0), event("2", "b", t0), event("3", "a", t0)
	late.Completes = &pipeline.Completes{Labels: late.Labels}
	must(t, h.Record(t.Context(), t0, []pipeline.Alert{late, known}, nil))
	must(t, h.Record(t.Context(), t0, []pipeline.Alert{late}, nil))
	if k, err := h.Get(t.Context(), late.Fingerprint); err != nil || k != nil {
		t.Errorf("it is known as %+v, %v", k, err)
	}
	must(t, h.Record(t.Context(), t0, []pipeline.Alert{next}, nil))
	if k, err := h.Get(t.Context(), next.Fingerprint); err != nil || k == nil || !k.First.Equal(t0) || !k.StartsAt.Equal(t0) {
		t.Errorf("an alert after that is %+v, %v", k, err)
	}
	if live, err := h.Live(t.Context(), t0); err != nil || len(live) != 2 {
		t.Errorf("live are %+v, %v", live, err)
	}
}

func redelivered(t *testing.T, open opener) {
	h := open(t, DefaultConfig())
	a, b := event("1", "a", t0), event("2", "a", t0.Add(time.Second))
	for range 3 {
		must(t, h.Record(t.Context(), t0, []pipeline.Alert{a}, []pipeline.Alert{b}))
	}
	k, err := h.Get(t.Context(), a.Fingerprint)
	if err != nil || k.Occurrences != 2 || k.Repeats != 1 {
		t.Errorf("after the same batch three times: %+v, %v", k, err)
	}
	h.last = nil // another process's
	must(t, h.Record(t.Context(), t0, []pipeline.Alert{a}, nil))
	page, err := h.Search(t.Context(), pipeline.HistoryQuery{})
	if err != nil || len(page.Occurrences) != 1 {
		t.Errorf("occurrences: %+v, %v", page, err)
	}
	closing := a
	closing.ID, closing.Closing, closing.Count = "3", true, 2
	completed := a
	completed.Completes, completed.Enrichment, completed.Output = &pipeline.Completes{Labels: a.Labels}, "", "complete"
	must(t, h.Record(t.Context(), t0, []pipeline.Alert{closing, completed}, nil))
	k, err = h.Get(t.Context(), a.Fingerprint)
	if err != nil || k.Occurrences != 2 || k.ID != "1" || k.Output != "complete" || k.Completes != nil {
		t.Errorf("after its summary and what completes it: %+v, %v", k, err)
	}
}
