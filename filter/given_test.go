package filter

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// writtenDown are conditions compiled for events that are made of their fields.
type writtenDown struct {
	conditions []*Condition
	evaluator  *Evaluator
}

func newWrittenDown(rt *rapid.T, trees []syntax.Node) *writtenDown {
	p := NewGivenProgram()
	w := &writtenDown{}
	for _, n := range trees {
		c, err := p.Compile(n)
		if err != nil {
			rt.Fatalf("Compile(%s): %v", n, err)
		}
		w.conditions = append(w.conditions, c)
	}
	w.evaluator = NewEvaluator(p)
	return w
}

// match writes what condition live reads of an event down, and asks condition i of that.
func (w *writtenDown) match(rt *rapid.T, i int, live *Condition, ev *pipeline.Event) bool {
	given := field.Given{}
	var v field.View
	for _, f := range live.Fields() {
		v.Reset(ev)
		o, _, err := syntax.ParseOperand(syntax.NewText(f.Text, syntax.Pos{}))
		if err == nil && !f.Null() && !strings.HasPrefix(f.Text, "evt.type") {
			err = given.Set(o, written(f, &v))
		}
		if err != nil {
			rt.Fatalf("write %s down: %v", f.Text, err)
		}
	}
	made := &pipeline.Event{Type: ev.Type, Num: ev.Num, Time: ev.Time, Source: ev.Source, Proc: given.Process(), Extra: given}
	made.Proc.Links = ev.Proc.Links
	w.evaluator.Reset(made)
	return w.evaluator.Match(w.conditions[i])
}

// written is a field's value as a person writes it, nil for none.
func written(f field.Ref, v *field.View) any {
	var all []any
	switch {
	case f.Some != nil:
		f.Some(v, func(s string) bool { all = append(all, strings.Clone(s)); return false })
	case f.OfProcess != nil || f.IntOfProcess != nil:
		field.Ancestors(v.Ev, func(p *pipeline.Process) bool {
			if f.IntOfProcess != nil {
				n, _ := f.IntOfProcess(v, p)
				all = append(all, n)
			} else {
				s, _ := f.OfProcess(v, p)
				all = append(all, strings.Clone(s))
			}
			return true
		})
	case f.Ends != nil:
		a, b, ok := f.Ends(v)
		if !ok {
			return nil
		}
		all = []any{nil, nil}
		for i, end := range []netip.AddrPort{a, b} {
			switch {
			case !end.IsValid():
			case f.Def.Type == field.Port:
				all[i] = int64(end.Port())
			default:
				all[i] = end.Addr().String()
			}
		}
	case f.Def.IsList || f.List != nil:
		list, ok := f.List(v)
		if !ok {
			return nil
		}
		all = []any{}
		for _, s := range list {
			all = append(all, strings.Clone(s))
		}
		return all
	case f.Str != nil:
		if s, ok := f.Str(v); ok {
			return strings.Clone(s)
		}
		return nil
	default:
		return f.Value(v)
	}
	if all == nil {
		return nil
	}
	return all
}

func TestGivenValues(t *testing.T) {
	for condition, c := range map[string]struct {
		field string
		value any
		want  bool
	}{
		`proc.name = bash`:                  {"proc.name", "bash", true},
		`not proc.name exists`:              {"proc.name", nil, true},
		`proc.pid = 7`:                      {"proc.pid", int64(7), true},
		`evt.failed = true`:                 {"evt.failed", true, true},
		`fd.snet = 10.0.0.0/8`:              {"fd.sip", "10.1.1.1", true},
		`fd.sip = 10.1.1.1`:                 {"fd.sip", "::ffff:10.1.1.1", true},
		`fd.port = 22`:                      {"fd.port", []any{int64(5000), int64(22)}, true},
		`fd.net = 10.0.0.0/8`:               {"fd.ip", "10.1.1.1", true},
		`proc.aname = init`:                 {"proc.aname", []any{"sh", "init"}, true},
		`proc.aname[2] = init`:              {"proc.aname", []any{"sh", "init"}, true},
		`proc.aname = cron`:                 {"proc.aname[3]", "cron", true},
		`proc.aname[1] exists`:              {"proc.aname[3]", "cron", false},
		`proc.apid = 1`:                     {"proc.apid", []any{int64(10), int64(1)}, true},
		`evt.arg.flags contains O_CREAT`:    {"evt.arg[flags]", "O_CREAT|O_WRONLY", true},
		`evt.arg[flags] contains O_CREAT`:   {"evt.arg.flags", "O_CREAT|O_WRONLY", true},
		`proc.env[HOME] = /root`:            {"proc.env[HOME]", "/root", true},
		`getopt(proc.args, "l:")[l] = 4444`: {"proc.args", []any{"-l", "4444"}, true},
		`proc.args = "-l 4444"`:             {"proc.args", []any{"-l", "4444"}, true},
		`tolower(proc.name) = bash`:         {"proc.name", "BASH", true},
		`fd.sip.name = example.com`:         {"fd.sip.name", "example.com", true},
		`evt.source = syscall`:              {"proc.name", "x", true},
		`evt.rawtime.s = 5 and evt.num = 3`: {"proc.name", "x", true},
		`evt.type = openat`:                 {"proc.name", "x", true},
		`fs.change = modify`:                {"fs.change", "modify", true},
		`user.uid = 4294967295`:             {"user.uid", int64(4294967295), true},
	} {
		p := NewGivenProgram()
		compiled := compile(t, p, condition)
		given := field.Given{}
		o, _, err := syntax.ParseOperand(syntax.NewText(c.field, syntax.Pos{}))
		if err != nil {
			t.Fatal(err)
		}
		if err := given.Set(o, c.value); err != nil {
			t.Errorf("Set(%s): %v", c.field, err)
			continue
		}
		e := NewEvaluator(p)
		e.Reset(&pipeline.Event{Type: pipeline.EventOpenat, Num: 3, Time: 5e9, Source: "syscall", Proc: given.Process(), Extra: given})
		if got := e.Match(compiled); got != c.want {
			t.Errorf("%s = %v with %s = %v, want %v", condition, got, c.field, c.value, c.want)
		}
	}
}

// A live program never looks at what an event was made of.
func TestLiveIgnoresWhatIsGiven(t *testing.T) {
	p := NewProgram()
	c := compile(t, p, "proc.name = bash")
	e := NewEvaluator(p)
	e.Reset(&pipeline.Event{Type: pipeline.EventOpenat, Proc: &pipeline.Process{Known: true, Comm: "sh"}, Extra: field.Given{"proc.name": "bash"}})
	if e.Match(c) {
		t.Error("a field that was given counts in a live program")
	}
}

func TestTreeOfACondition(t *testing.T) {
	p := NewProgram()
	tree := p.Tree(compile(t, p, "evt.type = open and (proc.name in () or proc.vmsize > 3) and evt.num = 0"))
	got := map[string][2]bool{}
	var walk func(*Tree)
	walk = func(t *Tree) {
		if t.Kind == CheckTree {
			yes, _ := t.CanHold(pipeline.EventOpen)
			got[t.Node.String()] = [2]bool{yes, t.IsNever()}
		}
		for _, k := range t.Kids {
			walk(k)
		}
	}
	walk(tree)
	want := map[string][2]bool{
		"evt.type = open": {true, false}, "proc.name in ()": {false, true}, "proc.vmsize > 3": {false, true}, "evt.num = 0": {false, true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("can hold, is never (-want +got):\n%s", diff)
	}
	if yes, no := tree.CanHold(pipeline.EventOpen); yes || !no {
		t.Errorf("the whole: can hold %v, can fail %v, want the second alone", yes, no)
	}
}

// What the type of an event decides is not looked up, whatever somebody wrote down.
func TestTreeDoesNotAskWhatTheTypeDecides(t *testing.T) {
	p := NewGivenProgram()
	c := compile(t, p, "fs.change = modify")
	for of, want := range map[pipeline.EventType]bool{pipeline.EventOpenat: true, pipeline.EventClose: false} {
		e := NewEvaluator(p)
		e.Reset(&pipeline.Event{Type: of, Proc: &pipeline.Process{}, Extra: field.Given{"fs.change": "modify"}})
		if got, byParts := e.Match(c), p.Tree(c).Eval(e.View(), func(*Tree, bool) {}); got != want || byParts != want {
			t.Errorf("of %s: %v, part by part %v, want %v", of, got, byParts, want)
		}
	}
}
