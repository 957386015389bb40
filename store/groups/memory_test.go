package groups_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/route"
	"github.com/tocsin-security/tocsin/store/groups"
	"github.com/tocsin-security/tocsin/store/groupstest"
)

// The suite and the stage that uses the groups ask the same of them.
var (
	_ route.Groups      = (*groups.Memory)(nil)
	_ groupstest.Groups = route.Groups(nil)
	_ route.Groups      = groupstest.Groups(nil)
)

var quiet = slog.New(slog.DiscardHandler)

func openMemory(tb testing.TB, dir string) *groups.Memory {
	tb.Helper()
	m, err := groups.OpenMemory(dir, quiet)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func closeMemory(tb testing.TB, c io.Closer) {
	tb.Helper()
	if err := c.Close(); err != nil {
		tb.Fatal(err)
	}
}

func TestMemory(t *testing.T) {
	groupstest.Run(t, groupstest.Engine{Fresh: func() groupstest.Groups {
		m := openMemory(t, t.TempDir())
		t.Cleanup(func() { closeMemory(t, m) })
		return m
	}})
}

// Whatever happened, a process that reads the journal knows what the one before did, however often what lives in it has
// been written again.
func TestMemoryWithRestarts(t *testing.T) {
	restarts := 0
	groupstest.Run(t, groupstest.Engine{Fresh: func() groupstest.Groups {
		r := &restarting{t: t, dir: t.TempDir(), held: map[string]bool{}, restarts: &restarts}
		r.open()
		t.Cleanup(func() { closeMemory(t, r.m) })
		return r
	}})
	if restarts < 100 {
		t.Errorf("there were %d restarts: the test tests nothing", restarts)
	}
}

// restarting is opened anew before each change, when nobody has a claim: those a restart voids.
type restarting struct {
	t        *testing.T
	dir      string
	restarts *int

	mu   sync.Mutex
	m    *groups.Memory
	held map[string]bool
}

func (r *restarting) open() {
	m, err := groups.OpenSmallMemory(r.dir, quiet)
	if err != nil {
		r.t.Fatal(err)
	}
	r.m = m
}

// restart needs mu.
func (r *restarting) restart() *groups.Memory {
	if len(r.held) == 0 {
		if err := r.m.Close(); err != nil {
			r.t.Fatal(err)
		}
		r.open()
		*r.restarts++
	}
	return r.m
}

func (r *restarting) Put(ctx context.Context, now time.Time, in []pipeline.Inbox, sources []pipeline.Source) (time.Time, []string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.restart().Put(ctx, now, in, sources)
}

func (r *restarting) Claim(ctx context.Context, now time.Time, limit int) ([]pipeline.Claimed, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	claimed, err := r.restart().Claim(ctx, now, limit)
	for _, c := range claimed {
		r.held[c.Key] = true
	}
	return claimed, err
}

func (r *restarting) Settle(ctx context.Context, now time.Time, done []pipeline.Settled) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lost, err := r.m.Settle(ctx, now, done)
	for _, d := range done {
		if !slices.Contains(lost, d.Key) {
			delete(r.held, d.Key)
		}
	}
	return lost, err
}

func (r *restarting) Wake(ctx context.Context, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.restart().Wake(ctx, now)
}

func (r *restarting) NextDue(ctx context.Context) (time.Time, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.restart().NextDue(ctx)
}

func (r *restarting) Due(ctx context.Context, keys []string) (map[string]time.Time, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.restart().Due(ctx, keys)
}

func (r *restarting) Sources(ctx context.Context, now time.Time, keys []string) ([]pipeline.Source, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.restart().Sources(ctx, now, keys)
}

func claim(t *testing.T, g *groups.Memory, now time.Duration) []pipeline.Claimed {
	t.Helper()
	claimed, err := g.Claim(t.Context(), t0.Add(now), 100)
	if err != nil {
		t.Fatalf("Claim: %v", err)
	}
	return claimed
}

func putIn(t *testing.T, g *groups.Memory, in ...pipeline.Inbox) {
	t.Helper()
	if _, _, err := g.Put(t.Context(), t0, in, nil); err != nil {
		t.Fatalf("Put: %v", err)
	}
}

// After a restart nobody has a claim; what was claimed may have been told.
func TestClaimsEndWithTheProcess(t *testing.T) {
	dir := t.TempDir()
	g := openMemory(t, dir)
	putIn(t, g, pipeline.Inbox{Key: "claimed", Wait: time.Second, Alerts: []pipeline.Alert{{ID: "1"}}},
		pipeline.Inbox{Key: "waits", Wait: time.Hour, Alerts: []pipeline.Alert{{ID: "2"}}})
	before := claim(t, g, time.Second)
	if len(before) != 1 || before[0].Key != "claimed" || before[0].Retaken {
		t.Fatalf("claimed %+v, want the one that is due", before)
	}
	closeMemory(t, g)
	g = openMemory(t, dir)
	defer closeMemory(t, g)
	after := claim(t, g, 2*time.Second)
	if len(after) != 1 || !after[0].Retaken || after[0].Token == before[0].Token || len(after[0].Alerts) != 1 || !after[0].Due.Equal(t0.Add(time.Second)) {
		t.Fatalf("claimed after a restart %+v, want the group again, Retaken", after)
	}
	lost, err := g.Settle(t.Context(), t0, []pipeline.Settled{{Key: "claimed", Token: before[0].Token, Gone: true, Upto: 1 << 40}})
	if err != nil || len(lost) != 1 {
		t.Errorf("the claim of before was settled: lost %q, %v", lost, err)
	}
}

// What cannot be read is lost; it does not stop what can.
func TestADamagedJournalStopsNoOther(t *testing.T) {
	dir := t.TempDir()
	small := func() *groups.Memory {
		g, err := groups.OpenSmallMemory(dir, quiet)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	g := small()
	for _, key := range []string{"a", "b", "c"} {
		putIn(t, g, pipeline.Inbox{Key: key, AtOnce: true, Alerts: []pipeline.Alert{{ID: key, Output: strings.Repeat("x", 3000)}}})
	}
	closeMemory(t, g)
	files, err := filepath.Glob(filepath.Join(dir, "*.rows"))
	if err != nil || len(files) != 3 {
		t.Fatalf("the journal is %q, %v, want a file for each row", files, err)
	}
	text, err := os.ReadFile(files[1])
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(files[1], text, 0o600); err != nil {
		t.Fatal(err)
	}
	g = small()
	defer func() { closeMemory(t, g) }()
	var got []string
	for _, c := range claim(t, g, 0) {
		got = append(got, c.Key+" "+c.Alerts[0].ID)
	}
	if slices.Sort(got); !slices.Equal(got, []string{"a a", "c c"}) {
		t.Errorf("there are %q, want those whose rows can be read", got)
	}
	putIn(t, g, pipeline.Inbox{Key: "d", AtOnce: true, Alerts: []pipeline.Alert{{ID: "d"}}})
	closeMemory(t, g)
	g = small()
	if all := claim(t, g, time.Hour); len(all) != 3 {
		t.Errorf("after another restart there are %d groups, want three", len(all))
	}
}

// What one group waits for keeps no files of those that are gone, and it stays what it was.
func TestAGroupThatStaysKeepsNoFiles(t *testing.T) {
	dir := t.TempDir()
	small := func() *groups.Memory {
		g, err := groups.OpenSmallMemory(dir, quiet)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	g := small()
	putIn(t, g, pipeline.Inbox{Key: "stays", Wait: time.Hour, Alerts: []pipeline.Alert{{ID: "old"}}})
	for i := range 200 {
		putIn(t, g, pipeline.Inbox{Key: fmt.Sprint(i), AtOnce: true, Alerts: []pipeline.Alert{{ID: "new", Output: strings.Repeat("x", 3000)}}})
		c := claim(t, g, 0)[0]
		if _, err := g.Settle(t.Context(), t0, []pipeline.Settled{{Key: c.Key, Token: c.Token, Upto: c.Upto, Gone: true}}); err != nil {
			t.Fatal(err)
		}
	}
	closeMemory(t, g)
	files, err := filepath.Glob(filepath.Join(dir, "*.rows"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) > 10 {
		t.Errorf("%d files of 2 KB are left of 200 groups, of which one is alive", len(files))
	}
	g = small()
	defer closeMemory(t, g)
	if all := claim(t, g, 2*time.Hour); len(all) != 1 || all[0].Key != "stays" || len(all[0].Alerts) != 1 || all[0].Alerts[0].ID != "old" {
		t.Errorf("there are %+v, want the group that stayed", all)
	}
}

// Alerts that came last are in memory, few of many, in their order among those that only the journal has, and go when they
// are told.
func TestFewAlertsAreInMemory(t *testing.T) {
	g := openMemory(t, t.TempDir())
	defer closeMemory(t, g)
	const lots, each = 30, 100
	var want []string
	for i := range lots {
		in := pipeline.Inbox{Key: "all"}
		for j := range each {
			id := fmt.Sprintf("%d.%d", i, j)
			in.Alerts, want = append(in.Alerts, pipeline.Alert{ID: id}), append(want, id)
		}
		putIn(t, g, in)
	}
	if n := g.Held(); n > groups.MaxHeld || n < groups.MaxHeld-each {
		t.Errorf("%d alerts are in memory, want about %d", n, groups.MaxHeld)
	}
	c := claim(t, g, time.Second)[0]
	var got []string
	for _, a := range c.Alerts {
		got = append(got, a.ID)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alerts (-put +claimed):\n%s", diff)
	}
	if _, err := g.Settle(t.Context(), t0, []pipeline.Settled{{Key: c.Key, Token: c.Token, Upto: c.Upto, Due: t0.Add(time.Hour)}}); err != nil {
		t.Fatal(err)
	}
	if n := g.Held(); n != 0 {
		t.Errorf("%d alerts are in memory, want none: all were told", n)
	}
	putIn(t, g, pipeline.Inbox{Key: "all", Alerts: []pipeline.Alert{{ID: "again"}}})
	if n := g.Held(); n != 1 {
		t.Errorf("%d alerts are in memory, want the new one", n)
	}
}
