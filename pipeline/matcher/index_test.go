package matcher_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/prometheus/alertmanager/pkg/labels"
	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

func parsed(t testing.TB, text string) labels.Matchers {
	t.Helper()
	ms, err := matcher.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return ms
}

// candidates takes out all that is found.
func candidates(x *matcher.Index, set map[string]string) []int {
	var all []int
	found := x.Find(set, nil)
	for i, ok := found.Next(); ok; i, ok = found.Next() {
		all = append(all, i)
	}
	return all
}

func TestIndexLeavesOutWhatCannotHold(t *testing.T) {
	for text, c := range map[string]struct {
		value string
		found bool
	}{
		`a="x"`:                        {"y", false},
		`a=~"x|y"`:                     {"z", false},
		`a=~"node[1-3]"`:               {"node4", false},
		`a=~"crit(ical)?"`:             {"criticality", false},
		`a=~"^(foo|far)$"`:             {"fur", false},
		`a=~"web-.*"`:                  {"db-1", false},
		`a=~"web-(x|y).*"`:             {"web", false},
		`a=~"(?i)web"`:                 {"db", false},
		`a=~".*web"`:                   {"db", false},
		`a!~".*web"`:                   {"web", true}, // it is asked
		`a!="x"`:                       {"x", true},
		`a=""`:                         {"x", true},
		`a=~"|x"`:                      {"y", true}, // a missing label would do
		`a=~"[^x]"`:                    {"x", false},
		`a=~"[^x]*"`:                   {"x", true}, // likewise
		`b="1",a!="x"`:                 {"x", false},
		`b=~"web-.*",a!="x",c="y"`:     {"x", false},
		`a=~"x)|(?:y"`:                 {"xes", true},  // halves of groups
		`a=~"[a-z][a-z][a-z]"`:         {"db", false},  // too many to list
		`a=~"(a|b|c|d)(1|2|3|4)[0-9]"`: {"e15", false}, // likewise
	} {
		x := matcher.NewIndex([]labels.Matchers{parsed(t, text)})
		if got := len(candidates(x, map[string]string{"a": c.value})) == 1; got != c.found {
			t.Errorf("%s is found for a=%s: %v, want %v", text, c.value, got, c.found)
		}
	}
}

// randomMatchers draws matchers over few labels and values, so that they often hold.
func randomMatchers(t *rapid.T) labels.Matchers {
	var ms labels.Matchers
	for range rapid.IntRange(0, 3).Draw(t, "matchers") {
		typ := rapid.SampledFrom([]labels.MatchType{labels.MatchEqual, labels.MatchEqual, labels.MatchRegexp, labels.MatchRegexp, labels.MatchNotEqual, labels.MatchNotRegexp}).Draw(t, "type")
		value := rapid.SampledFrom([]string{"", "x", "y", "xy", "xyz"}).Draw(t, "value")
		if typ == labels.MatchRegexp || typ == labels.MatchNotRegexp {
			value = rapid.SampledFrom([]string{"x|y", "xy?", "x.*", "(x|y)z?", ".+", "", "x[yz]+", "^xy$", "(?i)X", "x|", "(?m)^x$", `x\b.*`, "(x)(y)?.", "a^x", "x)|(?:y", "[xy]{1,2}"}).Draw(t, "pattern")
		}
		m, err := labels.NewMatcher(typ, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name"), value)
		if err != nil {
			t.Fatal(err)
		}
		ms = append(ms, m)
	}
	return ms
}

// randomSet draws labels for them.
func randomSet(t *rapid.T) map[string]string {
	set := map[string]string{}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		if v := rapid.SampledFrom([]string{"-", "", "x", "y", "xy", "xz", "xyz", "X", "yx"}).Draw(t, name); v != "-" {
			set[name] = v
		}
	}
	return set
}

func TestIndexFindsAllThatHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOfN(rapid.Custom(randomMatchers), 0, 20).Draw(t, "entries")
		x := matcher.NewIndex(entries)
		set := randomSet(t)
		found := candidates(x, set)
		if !slices.IsSorted(found) || len(slices.Compact(slices.Clone(found))) != len(found) {
			t.Fatalf("found %v, want each once, in order", found)
		}
		for i, ms := range entries {
			if matcher.Match(ms, set) && !slices.Contains(found, i) {
				t.Fatalf("%v holds for %v and is not among %v", ms, set, found)
			}
		}
	})
}

// More values than are remembered, and from several goroutines.
func TestIndexForgets(t *testing.T) {
	x := matcher.NewIndex([]labels.Matchers{parsed(t, `a=~".*7"`), parsed(t, `a=~".*[37]"`)})
	done := make(chan error)
	for range 4 {
		go func() {
			for i := range 5000 {
				want := map[int]int{3: 1, 7: 2}[i%10]
				if got := len(candidates(x, map[string]string{"a": fmt.Sprint(i)})); got != want {
					done <- fmt.Errorf("%d are found for %d, want %d", got, i, want)
					return
				}
			}
			done <- nil
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	var entries []labels.Matchers
	for i := range 1000 {
		entries = append(entries, parsed(b, fmt.Sprintf(`team="team-%d",severity="critical"`, i)))
	}
	x := matcher.NewIndex(entries)
	set := map[string]string{"team": "team-700", "severity": "critical", "rule": "x"}
	b.ReportAllocs()
	for b.Loop() {
		found := x.Find(set, make(matcher.Found, 0, 8))
		if i, ok := found.Next(); !ok || i != 700 {
			b.Fatal(i)
		}
	}
}
