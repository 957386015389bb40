package quota

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/shared"
	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

// clock is a clock that tests turn.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newClock() *clock { return &clock{time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)} }

var quiet = slog.New(slog.DiscardHandler)

func files(t testing.TB, dir string, c *clock) *Files {
	t.Helper()
	f, err := Open(dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	f.now = c.now
	return f
}

// engine makes quotas that know what those before them took.
type engine func(c *clock) pipeline.Quotas

// engines runs a test with each engine.
func engines(t *testing.T, test func(t *testing.T, robot string, again engine)) {
	t.Run("files", func(t *testing.T) {
		dir := t.TempDir()
		test(t, "wecom-1", func(c *clock) pipeline.Quotas { return files(t, dir, c) })
	})
	t.Run("redis", func(t *testing.T) {
		s := openShared(t, redistest.Start(t).URL()+"?timeout=20s")
		test(t, "wecom-1", func(c *clock) pipeline.Quotas {
			q := NewShared(s, files(t, t.TempDir(), c))
			q.now = c.now
			return q
		})
		if s.Degraded() {
			t.Errorf("the store is away: %+v", s.LastOutage())
		}
	})
}

func openShared(t *testing.T, url string) *shared.Store {
	t.Helper()
	s, err := shared.Open(t.Context(), url, Scripts(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

var minute = []pipeline.Limit{{Most: 3, Per: time.Minute}}

func take(t testing.TB, q pipeline.Quotas, robot string, n int, limits []pipeline.Limit) pipeline.Room {
	t.Helper()
	room, err := q.Take(t.Context(), robot, n, limits)
	if err != nil {
		t.Fatalf("Take: %v", err)
	}
	return room
}

func TestRolls(t *testing.T) {
	engines(t, func(t *testing.T, robot string, again engine) {
		c := newClock()
		q := again(c)
		for i := range 3 {
			if room := take(t, q, robot, 1, minute); room.Wait != 0 || room.Used != i+1 {
				t.Fatalf("take number %d = %+v, want it granted", i+1, room)
			}
			c.t = c.t.Add(10 * time.Second)
		}
		// The first was 30 s ago, two of them go within 40 s.
		for n, want := range map[int]time.Duration{0: 0, 1: 30 * time.Second, 2: 40 * time.Second, 7: 50 * time.Second} {
			if room := take(t, q, robot, n, minute); room.Wait != want || room.Used != 3 {
				t.Errorf("take of %d = %+v, want a wait of %s with 3 used", n, room, want)
			}
		}
		if room := take(t, again(c), robot, 1, minute); room.Wait != 30*time.Second {
			t.Errorf("after a restart, take = %+v, want the same wait", room)
		}
		if room := take(t, q, "other", 1, minute); room.Wait != 0 {
			t.Errorf("another robot: %+v, want room", room)
		}
		if room := take(t, q, robot, 1, []pipeline.Limit{{Most: 9, Per: time.Minute}, {Most: 1, Per: 20 * time.Second}}); room.Wait != 10*time.Second {
			t.Errorf("with a second limit, take = %+v, want a wait of 10 s", room)
		}
		c.t = c.t.Add(30 * time.Second)
		if room := take(t, q, robot, 1, minute); room.Wait != 0 || room.Used != 3 {
			t.Errorf("when the first is a minute old: %+v, want room", room)
		}
		c.t = c.t.Add(time.Hour)
		if room := take(t, q, robot, 7, minute); room.Wait != 0 {
			t.Errorf("7 of 3 with nothing else = %+v, want them taken", room)
		}
	})
}

func TestFreeze(t *testing.T) {
	engines(t, func(t *testing.T, robot string, again engine) {
		c := newClock()
		q := again(c)
		until := c.t.Add(10 * time.Minute)
		for _, at := range []time.Time{until, c.t.Add(time.Minute)} { // the earlier end changes nothing
			if err := q.Freeze(t.Context(), robot, at); err != nil {
				t.Fatal(err)
			}
		}
		for _, q := range []pipeline.Quotas{q, again(c)} {
			if room := take(t, q, robot, 1, minute); room.Wait != 10*time.Minute || !room.Frozen.Equal(until) {
				t.Errorf("take of a frozen robot = %+v, want a wait of 10 min", room)
			}
		}
		c.t = until
		if room := take(t, q, robot, 1, minute); room.Wait != 0 || !room.Frozen.IsZero() {
			t.Errorf("take when it is over = %+v, want room", room)
		}
	})
}

// Whatever is asked for and whenever, no span of a minute has more than the limit.
func TestNeverMore(t *testing.T) {
	robots := 0
	engines(t, func(t *testing.T, _ string, again engine) {
		rapid.Check(t, func(r *rapid.T) {
			robots++
			robot, c := fmt.Sprint("robot-", robots), newClock()
			limits := []pipeline.Limit{{Most: rapid.IntRange(3, 18).Draw(r, "most"), Per: time.Minute}, {Most: 3, Per: time.Second}}
			one, two := again(c), again(c)
			var sent []time.Time
			for range rapid.IntRange(1, 60).Draw(r, "asks") {
				q := one
				if rapid.Bool().Draw(r, "two") && fmt.Sprintf("%T", two) == "*quota.Shared" { // several processes share Redis only
					q = two
				}
				n := rapid.IntRange(1, 3).Draw(r, "n")
				room, err := q.Take(t.Context(), robot, n, limits)
				if err != nil {
					r.Fatal(err)
				}
				if room.Wait == 0 {
					sent = append(sent, slices.Repeat([]time.Time{c.t}, n)...)
				} else if rapid.Bool().Draw(r, "waits") {
					c.t = c.t.Add(room.Wait)
					if room, err = q.Take(t.Context(), robot, n, limits); err != nil || room.Wait != 0 {
						r.Fatalf("after the wait, take = %+v, %v", room, err)
					}
					sent = append(sent, slices.Repeat([]time.Time{c.t}, n)...)
				}
				c.t = c.t.Add(time.Duration(rapid.IntRange(0, 9000).Draw(r, "ms")) * time.Millisecond)
			}
			for _, l := range limits {
				for i, at := range sent {
					if i >= l.Most && at.Sub(sent[i-l.Most]) < l.Per {
						r.Fatalf("%d within %s, up to %s", l.Most+1, at.Sub(sent[i-l.Most]), at)
					}
				}
			}
		})
	})
}

func TestRedisIsAway(t *testing.T) {
	server := redistest.Start(t)
	s := openShared(t, server.URL()+"?timeout=1s")
	c := newClock()
	q := NewShared(s, files(t, t.TempDir(), c))
	q.now = c.now
	limits := []pipeline.Limit{{Most: 8, Per: time.Minute}}
	take(t, q, "wecom-1", 2, limits)
	server.Stop()
	if room := take(t, q, "wecom-1", 2, limits); room.Wait != 0 || room.Used != 4 {
		t.Errorf("Redis is away, take = %+v, want it to count what this process took before", room)
	}
	if room := take(t, q, "wecom-1", 1, limits); room.Wait == 0 {
		t.Errorf("Redis is away, more than half of the limit = %+v, want a wait", room)
	}
	if err := q.Freeze(t.Context(), "wecom-1", c.t.Add(time.Hour)); err != nil {
		t.Errorf("Freeze = %v, want the process to know it alone", err)
	}
}

func TestUnreadableFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "wecom-1.json"), []byte(`{"sent":[`), 0o600); err != nil {
		t.Fatal(err)
	}
	if room := take(t, files(t, dir, newClock()), "wecom-1", 1, minute); room.Wait != 0 {
		t.Errorf("take = %+v, want the file to be left behind", room)
	}
}

func TestClockSetBack(t *testing.T) {
	c := newClock()
	q := files(t, t.TempDir(), c)
	take(t, q, "wecom-1", 3, minute)
	c.t = c.t.Add(-time.Hour)
	if room := take(t, q, "wecom-1", 1, minute); room.Wait != time.Minute {
		t.Errorf("take = %+v, want a wait of a minute, not of an hour", room)
	}
}
