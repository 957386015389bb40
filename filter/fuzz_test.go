package filter

import (
	"testing"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// FuzzCompile checks that a condition gives an error or a program that answers about any event.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		`getopt(proc.args, "ab:")[a] = x or join(",", (proc.name, 'y')) in (a)`, `evt.buffer bcontains 00ff and fd.net in (10.0.0.0/8)`,
		`fd.name pmatch (/*, []]) or proc.aname regex "[[:alpha:]]+"`, `container.mount.dest[/*] exists and evt.rawarg.fd = -1`,
		`b64(b64(proc.name)) = val(proc.pname)`, `evt.num > -99999999999999999999`, `fd.sip.name != allof (a, b)`, `evt.type.is.open in (1)`,
	} {
		f.Add(s)
	}
	events := []*pipeline.Event{family(), opened("/a/b"), socket(pipeline.FDIPv6, "[::1]:1", ""), {Proc: &pipeline.Process{}}}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := parseText(s)
		if err != nil {
			return
		}
		p := NewProgram()
		p.ResolveNames(&pipeline.HostNames{})
		c, err := p.Compile(n)
		if (c == nil) == (err == nil) {
			t.Fatalf("Compile(%s) = %v, %v: want one of the two", s, c, err)
		}
		if err != nil {
			return
		}
		x, e := NewIndex(p, []*Condition{c}), NewEvaluator(p)
		for _, ev := range events {
			for et := range pipeline.NumEventTypes {
				seen := *ev
				seen.Type = et
				e.Reset(&seen)
				if found := e.Candidates(x); e.Match(c) && len(found) == 0 {
					t.Fatalf("%s holds for %s and the index does not find it", s, et)
				}
			}
		}
	})
}

// FuzzWidth checks that a width is kept to, whatever the value.
func FuzzWidth(f *testing.F) {
	for _, s := range []string{"", "bash", "日本語", "\xff\xfe", "a\x00b"} {
		f.Add(s, uint16(2))
	}
	f.Fuzz(func(t *testing.T, name string, width uint16) {
		if width == 0 {
			return
		}
		o := &Output{parts: []part{{ref: mustRef("proc.name"), width: int(width)}}}
		var v field.View
		v.Reset(named(name))
		if got := len([]rune(string(o.Append(nil, &v)))); got != int(width) {
			t.Errorf("%q in width %d has %d characters", name, width, got)
		}
	})
}

func mustRef(name string) field.Ref {
	r, err := ParseField(syntax.NewText(name, syntax.Pos{}))
	if err != nil {
		panic(err)
	}
	return r
}

func parseText(s string) (syntax.Node, error) {
	return syntax.Parse(syntax.NewText(s, syntax.Pos{Line: 1, Col: 1}))
}
