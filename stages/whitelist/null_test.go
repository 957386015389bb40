package whitelist

import (
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// truth is what a condition is with nulls in it: a comparison of nothing is neither true nor false.
type truth int8

const (
	no truth = iota
	unknown
	yes
)

// reference is Kleene's logic over the answers of single comparisons: "and" is the least, "or" the greatest.
type reference struct {
	program   *filter.Program
	compiled  map[syntax.Node]*filter.Condition
	evaluator *filter.Evaluator
}

func (r *reference) of(n syntax.Node) truth {
	switch n := n.(type) {
	case *syntax.Not:
		return yes - r.of(n.Kid)
	case *syntax.And:
		least := yes
		for _, k := range n.Kids {
			least = min(least, r.of(k))
		}
		return least
	case *syntax.Or:
		greatest := no
		for _, k := range n.Kids {
			greatest = max(greatest, r.of(k))
		}
		return greatest
	}
	for _, operand := range operands(n.(*syntax.Check)) {
		if !r.evaluator.Match(r.compiled[operand]) {
			return unknown
		}
	}
	if r.evaluator.Match(r.compiled[n]) {
		return yes
	}
	return no
}

// operands are, for each field that a comparison reads, the question whether it has a value. The same
// comparison has the same ones each time.
func operands(c *syntax.Check) []*syntax.Check {
	if made, ok := existence[c]; ok {
		return made
	}
	all := []*syntax.Check{{Left: c.Left, Op: syntax.Exists}}
	if c.Right != nil {
		all = append(all, &syntax.Check{Left: *c.Right, Op: syntax.Exists})
	}
	existence[c] = all
	return all
}

var existence = map[*syntax.Check][]*syntax.Check{}

// nullable are comparisons over fields that the events of the test have or lack.
var nullable = []string{
	"proc.name = a", "proc.name != a", "proc.name in (a, b)", "proc.pname = a", "proc.pname startswith a", "proc.pname != val(proc.name)",
	"fd.name contains a", "fd.name exists", "proc.pid > 2", "proc.ppid = 2", "proc.ppid != val(proc.pid)", "tolower(proc.name) = a",
	"proc.name glob anyof (a*, b)", "fd.name pmatch (/a)",
}

func conditions(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 3).Draw(t, "kind")
	if depth == 0 || kind == 0 {
		return rapid.SampledFrom(nullable).Draw(t, "check")
	}
	if kind == 1 {
		return "not (" + conditions(t, depth-1) + ")"
	}
	var kids []string
	for range rapid.IntRange(2, 3).Draw(t, "kids") {
		kids = append(kids, "("+conditions(t, depth-1)+")")
	}
	return strings.Join(kids, []string{" and ", " or "}[kind-2])
}

// An entry applies exactly when its condition holds whatever the fields without a value may be.
func TestWhatIsNullNeverMakesAnEntryApply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := conditions(t, 3)
		n, err := syntax.Parse(syntax.NewText(text, syntax.Pos{}))
		if err != nil {
			t.Fatal(err)
		}
		program := filter.NewGivenProgram()
		r := reference{program: program, compiled: map[syntax.Node]*filter.Condition{}}
		syntax.Walk(n, func(n syntax.Node) {
			if c, ok := n.(*syntax.Check); ok {
				for _, check := range append(operands(c), c) {
					compiled, err := program.Compile(check)
					if err != nil {
						t.Fatal(err)
					}
					r.compiled[check] = compiled
				}
			}
		})
		entry, err := program.Compile(knownOnly(n, false))
		if err != nil {
			t.Fatal(err)
		}
		r.evaluator = filter.NewEvaluator(program)

		for _, given := range everyEvent() {
			r.evaluator.Reset(&pipeline.Event{Type: pipeline.EventOpenat, Proc: &pipeline.Process{}, Extra: given})
			if got, want := r.evaluator.Match(entry), r.of(n) == yes; got != want {
				t.Fatalf("%s applies: %v, want %v, for %v", text, got, want, given)
			}
		}
	})
}

// everyEvent has each combination of some values of the fields, and of none.
func everyEvent() []field.Given {
	events := []field.Given{{}}
	for name, values := range map[string][]any{
		"proc.name": {"a", "b", "A"}, "proc.pname": {"a", "ab", "c"}, "fd.name": {"/a", "/b/a", "x"},
		"proc.pid": {int64(1), int64(2), int64(3)}, "proc.ppid": {int64(1), int64(2), int64(3)},
	} {
		for _, ev := range events {
			for _, v := range values {
				with := maps.Clone(ev)
				with[name] = v
				events = append(events, with)
			}
		}
	}
	return events
}
