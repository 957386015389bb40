package silence

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

func entryOf(t rapid.TB, id string, ms ...pipeline.Matcher) *entry {
	compiled, err := matcher.Compile(ms)
	if err != nil {
		t.Fatal(err)
	}
	return &entry{pipeline.Silence{ID: id, Matchers: ms, StartsAt: t0, EndsAt: t0.Add(1)}, compiled}
}

// The index finds what asking every silence finds, each once.
func TestTheIndexFindsAll(t *testing.T) {
	names := rapid.SampledFrom([]string{"alertname", "k8s_ns_name", "x"})
	values := rapid.SampledFrom([]string{"", "a", "b", "ab", "web-1", "web-2", "äö", "a.b"})
	exprs := rapid.SampledFrom([]string{"", ".*", ".+", "a|b", "a|b|", "ab?", "[ab]", "[^a]", "web-(1|2|3)", "web-.*", "(?i)A|b", "a|a", "(a|b)(|b)", "äö|x", `a\.b`, "a.b", "^a$", "a{2}", "(a|ab)(b|)"})
	rapid.Check(t, func(t *rapid.T) {
		var entries []*entry
		for i := range rapid.IntRange(0, 12).Draw(t, "silences") {
			var ms []pipeline.Matcher
			for range rapid.IntRange(1, 3).Draw(t, "matchers") {
				m := pipeline.Matcher{Name: names.Draw(t, "name"), Value: values.Draw(t, "value"), IsEqual: rapid.Bool().Draw(t, "equal")}
				if rapid.Bool().Draw(t, "regex") {
					m.IsRegex, m.Value = true, exprs.Draw(t, "expr")
				}
				ms = append(ms, m)
			}
			entries = append(entries, entryOf(t, fmt.Sprint(i), ms...))
		}
		set := map[string]string{}
		for range rapid.IntRange(0, 3).Draw(t, "labels") {
			set[names.Draw(t, "label")] = values.Draw(t, "its value")
		}
		var want, got []string
		for _, e := range entries {
			if matcher.Match(e.matchers, set) {
				want = append(want, e.silence.ID)
			}
		}
		for _, s := range newIndex(entries).find(set, t0) {
			got = append(got, s.By)
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("found %q for %v, want %q", got, set, want)
		}
	})
}

// One that names a value in two ways is found once.
func TestASilenceIsFoundOnce(t *testing.T) {
	x := newIndex([]*entry{entryOf(t, "1", like("x", "(a|ab)(b|)"))})
	if found := x.find(map[string]string{"x": "ab"}, t0); len(found) != 1 {
		t.Errorf("found %+v, want it once", found)
	}
}

// 1,000 silences cost an alert what few do: those of other rules and workloads are not asked.
func BenchmarkSilenced(b *testing.B) {
	labels := map[string]string{
		"alertname": "Shadow file read", "rule": "Shadow file read", "priority": "Critical", "severity": "critical", "source": "syscall",
		"hostname": "node-17", "container_id": "3f2a9c81d7e4", "container_name": "api", "container_image": "registry.example/api:1.4.2",
		"k8s_ns_name": "payments", "k8s_pod_name": "api-7c9", "proc_exepath": "/usr/bin/cat", "object": "/etc/shadow",
	}
	for _, n := range []int{0, 10, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := openOne(b)
			var entries []*entry
			for i := range n {
				ms := []pipeline.Matcher{is("alertname", fmt.Sprint("Rule ", i%50)), is("k8s_ns_name", fmt.Sprint("ns-", i))}
				switch i % 10 {
				case 0:
					ms = []pipeline.Matcher{like("alertname", fmt.Sprintf("Rule %d|Rule %d", i, i+1))}
				case 1:
					ms = []pipeline.Matcher{is("alertname", "Shadow file read"), like("k8s_pod_name", fmt.Sprintf("web-%d-.*", i))}
				case 2:
					ms = []pipeline.Matcher{is("hostname", fmt.Sprint("node-", i))}
				}
				entries = append(entries, entryOf(b, fmt.Sprint(i), ms...))
			}
			w.index.Store(newIndex(entries))
			b.ReportAllocs()
			for b.Loop() {
				w.Silenced(labels, t0)
			}
		})
	}
}
