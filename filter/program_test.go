package filter

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

func compile(t testing.TB, p *Program, condition string) *Condition {
	t.Helper()
	n, err := syntax.Parse(syntax.NewText(condition, syntax.Pos{Line: 1, Col: 1}))
	if err != nil {
		t.Fatalf("Parse(%s): %v", condition, err)
	}
	c, err := p.Compile(n)
	if err != nil {
		t.Fatalf("Compile(%s): %v", condition, err)
	}
	return c
}

func TestEventTypesOfACondition(t *testing.T) {
	for sentence, c := range map[string]struct {
		condition string
		want      []pipeline.EventType
	}{
		"a list of types":             {"evt.type in (open, openat)", []pipeline.EventType{pipeline.EventOpen, pipeline.EventOpenat}},
		"and narrows":                 {"evt.type in (open, openat) and evt.type != open", []pipeline.EventType{pipeline.EventOpenat}},
		"or widens":                   {"evt.type = open or (evt.type = creat and proc.name = x)", []pipeline.EventType{pipeline.EventCreat, pipeline.EventOpen}},
		"not complements":             {"not (evt.type != open or proc.name = x)", []pipeline.EventType{pipeline.EventOpen}},
		"other fields do not matter":  {"proc.name = x and evt.type = open", []pipeline.EventType{pipeline.EventOpen}},
		"never":                       {"evt.type = open and evt.num = 0", nil},
		"a field that is always null": {"evt.type = open and fd.sip.name = x", nil},
		"a type that is not watched":  {"evt.type = read", nil},
		"a change names its calls":    {"fs.change = delete", []pipeline.EventType{pipeline.EventRmdir, pipeline.EventUnlink, pipeline.EventUnlinkat}},
		"so does its path": {"fs.change.newpath = /etc/passwd and not fs.change = move", []pipeline.EventType{pipeline.EventLink,
			pipeline.EventLinkat, pipeline.EventRename, pipeline.EventRenameat, pipeline.EventRenameat2, pipeline.EventSymlink, pipeline.EventSymlinkat}},
		"a change and a type":               {"fs.change exists and evt.type = creat", []pipeline.EventType{pipeline.EventCreat}},
		"umount is not umount2":             {"evt.type = umount", []pipeline.EventType{pipeline.EventUmount}},
		"execve has a second, failing form": {"evt.type = execve", []pipeline.EventType{pipeline.EventExecve, pipeline.EventExecveFailed}},
	} {
		t.Run(sentence, func(t *testing.T) {
			got := compile(t, NewProgram(), c.condition).EventTypes()
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("EventTypes(%s) (-want +got):\n%s", c.condition, diff)
			}
		})
	}
}

// A field of many values holds if it does for one of them.
func TestAFieldOfAList(t *testing.T) {
	passed := []pipeline.FD{{Name: "/tmp/x"}, {Name: "/etc/shadow"}}
	for condition, want := range map[string][2]bool{ // with the two, and with none
		"fd.passed = /etc/shadow":               {true, false},
		"fd.passed in (/etc/passwd, /tmp/x)":    {true, false},
		"fd.passed startswith /var":             {false, false},
		"not fd.passed pmatch (/etc)":           {false, true},
		"fd.passed exists":                      {true, false},
		"fd.passed[1] = /etc/shadow":            {true, false},
		"fd.passed != /tmp/x":                   {true, false},
		"fd.passed[0] endswith x and evt.num>0": {true, false},
	} {
		p := NewProgram()
		c := compile(t, p, condition)
		for i, list := range [][]pipeline.FD{passed, nil} {
			ev := &pipeline.Event{Type: pipeline.EventRecvmsg, Num: 1, Passed: list, Proc: &pipeline.Process{}}
			e := NewEvaluator(p)
			e.Reset(ev)
			if got := e.Match(c); got != want[i] {
				t.Errorf("%s is %v for %d descriptors, want %v", condition, got, len(list), want[i])
			}
		}
	}
}

func TestPredicatesAreShared(t *testing.T) {
	p := NewProgram()
	compile(t, p, "proc.name = a and fd.name = b")
	compile(t, p, "fd.name=b or not proc.name = 'a' or proc.pid = 1")
	if got := p.Predicates(); got != 3 {
		t.Errorf("Predicates() = %d, want 3: a = b written twice is one", got)
	}
}

func TestAnswersAreForgottenBetweenEvents(t *testing.T) {
	p := NewProgram()
	c := compile(t, p, "proc.name = a")
	e := NewEvaluator(p)
	for i, name := range []string{"a", "b", "a", "b"} {
		if i == 1 {
			e.epoch = ^uint32(1) // the next Reset wraps to the epoch of the first event
		}
		e.Reset(named(name))
		if got, want := e.Match(c), name == "a"; got != want {
			t.Errorf("event %d: Match = %v, want %v", i, got, want)
		}
	}
}

// tree is a random condition over a few checks with its own slow evaluation.
type tree struct {
	text string
	eval func(ev *pipeline.Event) bool
}

func drawTree(t *rapid.T, depth int) tree {
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	if depth == 0 {
		kind = kind % 3
	}
	switch kind {
	case 0:
		name := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name")
		return tree{"proc.name = " + name, func(ev *pipeline.Event) bool { return ev.Proc.Comm == name }}
	case 1:
		name := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name")
		return tree{"proc.pname != " + name, func(ev *pipeline.Event) bool { return ev.Proc.Parent != nil && ev.Proc.Parent.Comm != name }}
	case 2:
		types := rapid.SampledFrom([][]pipeline.EventType{{pipeline.EventOpen}, {pipeline.EventOpen, pipeline.EventCreat}}).Draw(t, "types")
		return tree{fmt.Sprintf("evt.type in (%s, %s)", types[0], types[len(types)-1]), func(ev *pipeline.Event) bool {
			return ev.Type == types[0] || ev.Type == types[len(types)-1]
		}}
	case 3:
		kid := drawTree(t, depth-1)
		return tree{"not (" + kid.text + ")", func(ev *pipeline.Event) bool { return !kid.eval(ev) }}
	}
	a, b := drawTree(t, depth-1), drawTree(t, depth-1)
	if kind == 4 {
		return tree{"(" + a.text + " and " + b.text + ")", func(ev *pipeline.Event) bool { return a.eval(ev) && b.eval(ev) }}
	}
	return tree{"(" + a.text + " or " + b.text + ")", func(ev *pipeline.Event) bool { return a.eval(ev) || b.eval(ev) }}
}

// TestCompiledAgreesWithTree compares the compiled form with a plain walk over the condition.
func TestCompiledAgreesWithTree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		trees := []tree{drawTree(rt, 4), drawTree(rt, 4), drawTree(rt, 4)}
		p := NewProgram()
		var conditions []*Condition
		for _, tr := range trees {
			conditions = append(conditions, compile(t, p, tr.text))
		}
		e := NewEvaluator(p)
		for range 8 {
			ev := of(rapid.SampledFrom([]pipeline.EventType{pipeline.EventOpen, pipeline.EventCreat, pipeline.EventExecve}).Draw(rt, "type"), nil)
			ev.Proc.Comm = rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "comm")
			if name := rapid.SampledFrom([]string{"", "a", "b"}).Draw(rt, "parent"); name != "" {
				ev.Proc.Parent = &pipeline.Process{Known: true, Comm: name}
			}
			e.Reset(ev)
			for i, c := range conditions {
				if got, want := e.Match(c), trees[i].eval(ev); got != want {
					rt.Fatalf("%s = %v, want %v for %s %s", trees[i].text, got, want, ev.Type, ev.Proc.Comm)
				}
			}
		}
	})
}
