package filter

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/pipeline"
)

// The words that conditions and events are made of: few and alike, so that they meet.
var (
	indexPaths = []string{"", "/", "/etc", "/etc/shadow", "/etc/shadow-", "/usr/bin/sh", "/bin/sh", "/bin", "/run/x", "/var/run/x", "etc", "sh"}
	indexNames = []string{"", "a", "ab", "abc", "b"}
)

// drawCheck is one comparison of every kind that an index files, and of some that it does not.
func drawCheck(t *rapid.T) string {
	path := func() string { return `"` + rapid.SampledFrom(indexPaths).Draw(t, "path") + `"` }
	name := func() string { return `"` + rapid.SampledFrom(indexNames).Draw(t, "name") + `"` }
	op := rapid.SampledFrom([]string{"=", "!=", "startswith", "endswith", "contains", "glob"})
	switch rapid.IntRange(0, 8).Draw(t, "check") {
	case 0:
		return fmt.Sprintf("fd.name %s %s", op.Draw(t, "op"), path())
	case 1:
		return fmt.Sprintf("fd.name in (%s, %s)", path(), path())
	case 2:
		return fmt.Sprintf("fd.name startswith anyof (%s, %s)", path(), path())
	case 3:
		return fmt.Sprintf("fd.name contains allof (%s, %s)", path(), path())
	case 4:
		return fmt.Sprintf("proc.name %s %s", op.Draw(t, "op"), name())
	case 5:
		return fmt.Sprintf("proc.pname %s %s", op.Draw(t, "op"), name())
	case 6:
		return fmt.Sprintf("proc.pid in (%d, %d)", rapid.IntRange(1, 3).Draw(t, "pid"), rapid.IntRange(1, 3).Draw(t, "pid"))
	case 7:
		return rapid.SampledFrom([]string{"evt.is_open_write = true", "evt.is_open_read = true", "fd.num >= 0", "evt.num = 0"}).Draw(t, "flag")
	default:
		return rapid.SampledFrom([]string{"evt.type = open", "evt.type in (open, creat)", "evt.type != execve"}).Draw(t, "type")
	}
}

func drawCondition(t *rapid.T, depth int) string {
	if depth == 0 {
		return drawCheck(t)
	}
	switch rapid.IntRange(0, 3).Draw(t, "node") {
	case 0:
		return "not (" + drawCondition(t, depth-1) + ")"
	case 1:
		return "(" + drawCondition(t, depth-1) + " or " + drawCondition(t, depth-1) + ")"
	default:
		return "(" + drawCondition(t, depth-1) + " and " + drawCondition(t, depth-1) + ")"
	}
}

func drawEvent(t *rapid.T) *pipeline.Event {
	kind := rapid.SampledFrom([]pipeline.EventType{pipeline.EventOpen, pipeline.EventOpenat, pipeline.EventCreat, pipeline.EventExecve}).Draw(t, "type")
	ev := opened(rapid.SampledFrom(indexPaths).Draw(t, "path"))
	ev.Type = kind
	ev.Flag = rapid.Uint64Range(0, 2).Draw(t, "access")
	ev.FD.Num = rapid.SampledFrom([]int64{-1, 3}).Draw(t, "fd")
	if kind == pipeline.EventExecve {
		ev.FD = pipeline.FD{}
	}
	ev.Proc.Comm = rapid.SampledFrom(indexNames).Draw(t, "comm")
	ev.Proc.PID = int32(rapid.IntRange(1, 4).Draw(t, "pid"))
	ev.Proc.Links = pipeline.Links(rapid.IntRange(0, 3).Draw(t, "links"))
	if name := rapid.SampledFrom(indexNames).Draw(t, "parent"); name != "" {
		ev.Proc.Parent = &pipeline.Process{Known: true, PID: 9, Comm: name}
	}
	return ev
}

// The candidates hold every condition that holds: the index only leaves out what cannot.
func TestIndexLosesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := NewProgram()
		var conditions []*Condition
		var texts []string
		for range rapid.IntRange(1, 40).Draw(rt, "conditions") {
			text := drawCondition(rt, rapid.IntRange(1, 4).Draw(rt, "depth"))
			texts, conditions = append(texts, text), append(conditions, compile(t, p, text))
		}
		x, e := NewIndex(p, conditions), NewEvaluator(p)
		for range 20 {
			ev := drawEvent(rt)
			e.Reset(ev)
			found := slices.Clone(e.Candidates(x))
			if !slices.IsSorted(found) || len(slices.Compact(slices.Clone(found))) != len(found) {
				rt.Fatalf("candidates %v are not ascending", found)
			}
			for i, c := range conditions {
				if e.Match(c) && !slices.Contains(found, int32(i)) {
					rt.Fatalf("%s holds for %s %q of %q and was not found", texts[i], ev.Type, ev.FD.Name, ev.Proc.Comm)
				}
			}
		}
	})
}

// A trie agrees with asking one pattern after the other.
func TestTrieAgreesWithSearching(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		word := rapid.StringOfN(rapid.SampledFrom([]rune("ab/")), 0, 5, -1)
		back := rapid.Bool().Draw(rt, "back")
		tr := newTrie(back)
		patterns := rapid.SliceOfN(word, 0, 12).Draw(rt, "patterns")
		exact := rapid.SliceOfN(rapid.Bool(), len(patterns), len(patterns)).Draw(rt, "exact")
		for i, pattern := range patterns {
			tr.add(pattern, exact[i], int32(i))
		}
		value := word.Draw(rt, "value")
		var want []int32
		for i, pattern := range patterns {
			holds := strings.HasPrefix(value, pattern)
			if back {
				holds = strings.HasSuffix(value, pattern)
			}
			if exact[i] {
				holds = value == pattern
			}
			if holds {
				want = append(want, int32(i))
			}
		}
		got := tr.find(nil, value)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("%q among %q (exact %v, back %v) (-want +got):\n%s", value, patterns, exact, back, diff)
		}
	})
}

// The automaton agrees with asking for one substring after the other.
func TestSubstringsAgreeWithSearching(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		letters := rapid.SampledFrom([]rune("ab"))
		a := newSubstrings()
		patterns := rapid.SliceOfN(rapid.StringOfN(letters, 1, 5, -1), 0, 12).Draw(rt, "patterns")
		for i, pattern := range patterns {
			a.add(pattern, int32(i))
		}
		a.link()
		value := rapid.StringOfN(letters, 0, 12, -1).Draw(rt, "value")
		var want []int32
		for i, pattern := range patterns {
			if strings.Contains(value, pattern) {
				want = append(want, int32(i))
			}
		}
		got := a.find(nil, value)
		slices.Sort(got)
		if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
			rt.Fatalf("%q among %q (-want +got):\n%s", value, patterns, diff)
		}
	})
}

// What a condition is filed under.
func TestAccess(t *testing.T) {
	p := NewProgram()
	var conditions []*Condition
	for i := range 6 {
		conditions = append(conditions, compile(t, p, fmt.Sprintf(
			"evt.type in (open, openat) and evt.is_open_write = true and fd.name startswith /gen/%d/ and not proc.name in (a, b)", i)))
	}
	conditions = append(conditions, compile(t, p, "evt.type = open and proc.name != x"))
	x := NewIndex(p, conditions)
	got, ok := x.Access(p, 2, pipeline.EventOpen)
	want := Access{Gates: []string{"evt.is_open_write = true"}, Facts: []string{"fd.name startswith /gen/2/"}}
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("Access of a filed condition, %v (-want +got):\n%s", ok, diff)
	}
	if got, ok := x.Access(p, 6, pipeline.EventOpen); len(got.Facts) != 0 || !ok {
		t.Errorf("Access of a condition without a fact = %v, %v, want none", got, ok)
	}
	if _, ok := x.Access(p, 6, pipeline.EventOpenat); ok {
		t.Error("a condition is said to hold for a type that it excludes")
	}

	e := NewEvaluator(p)
	for path, want := range map[string][]int32{"/gen/3/x": {3, 6}, "/gen/x": {6}, "": {6}} {
		ev := opened(path)
		ev.Type, ev.Flag = pipeline.EventOpen, 1
		e.Reset(ev)
		if diff := cmp.Diff(want, e.Candidates(x)); diff != "" {
			t.Errorf("candidates for %q (-want +got):\n%s", path, diff)
		}
	}
}
