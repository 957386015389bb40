package field

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tocsin-security/tocsin/pipeline"
)

// chain is a process with those above it; the last name is the eldest's.
func chain(names ...string) *pipeline.Process {
	var p *pipeline.Process
	for i := len(names) - 1; i >= 0; i-- {
		p = &pipeline.Process{PID: int32(len(names) - i), Comm: names[i], Parent: p, Known: true}
	}
	return p
}

func TestAncestry(t *testing.T) {
	loop := chain("a", "b")
	loop.Parent.Parent = loop
	cut := chain("curl", "sh")
	cut.Parent.Known = false
	for name, tc := range map[string]struct {
		of   *pipeline.Process
		want string
	}{
		"a chain":                        {chain("curl", "sh", "containerd-shim", "systemd"), "systemd(1) > containerd-shim(2) > sh(3) > curl(4)"},
		"one":                            {chain("systemd"), "systemd(1)"},
		"eight are shown whole":          {chain("h", "g", "f", "e", "d", "c", "b", "a"), "a(1) > b(2) > c(3) > d(4) > e(5) > f(6) > g(7) > h(8)"},
		"the middle of nine is left out": {chain("i", "h", "g", "f", "e", "d", "c", "b", "a"), "a(1) > b(2) > c(3) > … > e(5) > f(6) > g(7) > h(8) > i(9)"},
		"an unknown parent":              {cut, "curl(2)"},
		"a loop":                         {loop, "b(1) > a(2)"},
		"a name that plays tricks":       {chain("a) > init(1\n\x1b[31m\xff\u202e", ""), "<NA>(1) > a? ? init?1??[31m\uFFFD?(2)"},
		"a long name":                    {chain(strings.Repeat("名", 20)), strings.Repeat("名", 10) + "…(1)"},
	} {
		if got := string(AppendAncestry([]byte("x"), &pipeline.Event{Proc: tc.of})); got != "x"+tc.want {
			t.Errorf("%s: %q, want %q", name, got[1:], tc.want)
		}
	}
}

func TestAncestryIsBounded(t *testing.T) {
	got := AppendAncestry(nil, &pipeline.Event{Proc: chain(make([]string, 100_000)...)})
	if len(got) > 200 || !utf8.Valid(got) || !strings.HasSuffix(string(got), "<NA>(100000)") {
		t.Errorf("of 100,000 processes: %q", got)
	}
}

func TestAncestryOfAnUnknownProcess(t *testing.T) {
	var v View
	v.Reset(&pipeline.Event{Proc: &pipeline.Process{PID: 7}})
	if s, ok := ancestryField().get.Str(&v); ok {
		t.Errorf("proc.ancestry = %q, want null: nothing is known", s)
	}
}

func TestAncestryDoesNotAllocate(t *testing.T) {
	ev := &pipeline.Event{Proc: chain("c", "b", "a")}
	var v View
	get := ancestryField().get.Str
	read := func() {
		v.Reset(ev)
		if s, _ := get(&v); s != "a(1) > b(2) > c(3)" {
			t.Errorf("proc.ancestry = %q", s)
		}
	}
	read()
	if n := testing.AllocsPerRun(100, read); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
