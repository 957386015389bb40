package journal_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/stages/dedupe/repeats"
	"github.com/tocsin-security/tocsin/stages/dedupe/repeats/repeatstest"
	"github.com/tocsin-security/tocsin/store/journal"
)

var _ repeats.Journal = journal.Rows{}

func open(tb testing.TB, cfg journal.Config) *journal.Journal {
	tb.Helper()
	j, err := journal.Open(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := j.Close(); err != nil && !strings.Contains(err.Error(), "already closed") {
			tb.Error(err)
		}
	})
	return j
}

func add(t *testing.T, j *journal.Journal, text string) int64 {
	t.Helper()
	number, err := j.Append([]byte(text))
	if err != nil {
		t.Fatalf("Append(%.20q): %v", text, err)
	}
	j.Take(number, len(text))
	return number
}

func all(tb testing.TB, j *journal.Journal) (rows []string) {
	tb.Helper()
	if err := j.Each(func(n int64, text []byte) { rows = append(rows, fmt.Sprint(n, " ", string(text))) }); err != nil {
		tb.Fatalf("Each: %v", err)
	}
	return rows
}

func files(tb testing.TB, dir string) []string {
	tb.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*.rows"))
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

func shut(t *testing.T, j *journal.Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRowsAreThereAfterARestart(t *testing.T) {
	cfg := journal.Config{Dir: t.TempDir()}
	j := open(t, cfg)
	a := add(t, j, "a")
	add(t, j, "")
	c := add(t, j, strings.Repeat("c", 100_000)+"end")
	if part, err := j.Part([]byte("the "), c, 100_000, 3); err != nil || string(part) != "the end" {
		t.Errorf("Part = %q, %v, want the end", part, err)
	}
	for name, at := range map[string][3]int{"beyond its end": {int(c), 100_000, 4}, "of no row": {99, 0, 0}, "before its begin": {int(c), -1, 2}} {
		if part, err := j.Part(nil, int64(at[0]), at[1], at[2]); err == nil {
			t.Errorf("Part %s = %q", name, part)
		}
	}
	shut(t, j)
	if _, err := j.Append(nil); err == nil {
		t.Error("Append to a closed journal succeeded")
	}
	j = open(t, cfg)
	if row, err := j.Row(a); err != nil || string(row) != "a" {
		t.Errorf("Row(%d) = %q, %v", a, row, err)
	}
	if d := add(t, j, "d"); d != c+1 {
		t.Errorf("the next number is %d, want %d", d, c+1)
	}
	if rows := all(t, j); len(rows) != 4 || rows[0] != "1 a" || rows[1] != "2 " || rows[3] != "4 d" {
		t.Errorf("rows are %.30q", rows)
	}
}

func TestOneProcessHasIt(t *testing.T) {
	cfg := journal.Config{Dir: t.TempDir()}
	open(t, cfg)
	if _, err := journal.Open(cfg); err == nil || !strings.Contains(err.Error(), "another tocsin is using it") {
		t.Errorf("Open of one that is open: %v", err)
	}
}

// Rows go when nothing of them is needed, the oldest first; their files when what came later is on the device.
func TestRowsGo(t *testing.T) {
	cfg := journal.Config{Dir: t.TempDir(), Segment: 10, Slack: 2, Step: 4}
	j := open(t, cfg)
	for _, text := range []string{"long lived", "short one", "short two", "three"} {
		add(t, j, text)
	}
	for n, size := range map[int64]int{2: 9, 3: 9, 4: 5} {
		j.Release(n, size)
	}
	if diff := cmp.Diff([]int64{1}, j.Stale()); diff != "" {
		t.Errorf("rows to be written again (-want +got):\n%s", diff)
	}
	add(t, j, "long lived")
	j.Release(1, 10)
	add(t, j, "last") // from here on nothing before 5 is needed
	if _, err := j.Row(4); err == nil {
		t.Error("row 4 is there, want it gone")
	}
	if stale := j.Stale(); len(stale) > 0 {
		t.Errorf("rows to be written again: %v, want none: all is alive", stale)
	}
	if n := len(files(t, cfg.Dir)); n != 6 {
		t.Errorf("there are %d files before what came later is synced, want all 6", n)
	}
	shut(t, j)
	if diff := cmp.Diff([]string{"5 long lived", "6 last"}, all(t, open(t, cfg))); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestRunRemovesFiles(t *testing.T) {
	cfg := journal.Config{Dir: t.TempDir(), Segment: 10}
	j := open(t, cfg)
	number := add(t, j, "short lived")
	j.Release(number, 11)
	add(t, j, "last")
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := j.Run(ctx, slog.New(slog.DiscardHandler)); err != nil {
			t.Error(err)
		}
	})
	defer running.Wait()
	defer cancel()
	for deadline := time.Now().Add(20 * time.Second); len(files(t, cfg.Dir)) > 1; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("files are %q, want the last only", files(t, cfg.Dir))
		}
	}
}

// A power cut may tear the end of a file; what is before it is there, and what comes after it goes elsewhere.
func TestTornFiles(t *testing.T) {
	for name, tear := range map[string]func([]byte) []byte{
		"cut in a row":    func(b []byte) []byte { return b[:len(b)-1] },
		"cut in a header": func(b []byte) []byte { return b[:len(b)-len("second")-3] },
		"zeros":           func(b []byte) []byte { return append(b[:len(b)-len("second")-8], make([]byte, 100)...) },
		"another's row":   func(b []byte) []byte { return append(b[:len(b)-len("second")-8], b[:8+len("first")]...) },
		"a changed byte":  func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := journal.Config{Dir: t.TempDir()}
			j := open(t, cfg)
			add(t, j, "first")
			add(t, j, "second")
			shut(t, j)
			file := files(t, cfg.Dir)[0]
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, tear(bytes.Clone(text)), 0o600); err != nil {
				t.Fatal(err)
			}
			j = open(t, cfg)
			if diff := cmp.Diff([]string{"1 first"}, all(t, j)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			j.Take(1, 1)
			add(t, j, "third")
			shut(t, j)
			if diff := cmp.Diff([]string{"1 first", "2 third"}, all(t, open(t, cfg))); diff != "" {
				t.Errorf("rows after another restart (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAFileThatIsNoneOfOurs(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "notes.rows"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(journal.Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "notes.rows") {
		t.Errorf("Open: %v, want it to name the file", err)
	}
}

// Whatever is appended, released and opened again: what is needed is there as it was.
func TestJournalLikeAMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cfg := journal.Config{Dir: t.TempDir(), Segment: 64, Slack: 32, Step: 64}
		j := open(t, cfg)
		needed := map[int64]string{}
		rt.Repeat(map[string]func(*rapid.T){
			"append": func(rt *rapid.T) {
				text := rapid.StringN(0, 40, 80).Draw(rt, "text")
				number, err := j.Append([]byte(text))
				if err != nil {
					rt.Fatal(err)
				}
				j.Take(number, len(text)+1)
				needed[number] = text
			},
			"release": func(rt *rapid.T) {
				for number, text := range needed {
					j.Release(number, len(text)+1)
					delete(needed, number)
					return
				}
			},
			"restart": func(rt *rapid.T) {
				if err := j.Close(); err != nil {
					rt.Fatal(err)
				}
				j = open(t, cfg)
				for number, text := range needed {
					j.Take(number, len(text)+1)
				}
			},
			"": func(rt *rapid.T) {
				for number, text := range needed {
					if row, err := j.Row(number); err != nil || string(row) != text {
						rt.Fatalf("Row(%d) = %q, %v, want %q", number, row, err, text)
					}
				}
				if stale := j.Stale(); !slices.IsSorted(stale) {
					rt.Fatalf("stale rows are %v", stale)
				}
			},
		})
		if err := j.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}

// A Memory of repeats over the journal does what any does, and a restart changes nothing.
func TestMemoryOverTheJournal(t *testing.T) {
	var cfg journal.Config
	var j *journal.Journal
	over := func(t *testing.T) repeats.Engine {
		j = open(t, cfg)
		return repeats.OpenMemory(t.Context(), 0, journal.Rows{Journal: j}, slog.New(slog.DiscardHandler))
	}
	fresh := func(t *testing.T) repeats.Engine {
		cfg = journal.Config{Dir: t.TempDir(), Segment: 1000}
		return over(t)
	}
	repeatstest.Run(t, fresh)
	repeatstest.RunRestarts(t, fresh, func(t *testing.T, _ repeats.Engine) repeats.Engine {
		shut(t, j)
		return over(t)
	})
}
