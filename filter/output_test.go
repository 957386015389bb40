package filter

import (
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

func format(t *testing.T, text string, ev *pipeline.Event) string {
	t.Helper()
	o, err := ParseOutput(syntax.NewText(text, syntax.Pos{Line: 1, Col: 1}))
	if err != nil {
		t.Fatalf("ParseOutput(%q): %v", text, err)
	}
	var v field.View
	v.Reset(ev)
	return string(o.Append(nil, &v))
}

func TestOutput(t *testing.T) {
	ancestors := parent("runc")
	ancestors.Proc.Parent.Parent = &pipeline.Process{Known: true, Comm: "systemd"}
	for sentence, c := range map[string]struct {
		text string
		ev   *pipeline.Event
		want string
	}{
		"text and fields":                      {"a %proc.name b", named("bash"), "a bash b"},
		"a field ends where no name goes on":   {"(%proc.name.) %proc.name,", named("x"), "(x.) x,"},
		"the longest name that is a field":     {"%proc.name_x", named("y"), "y_x"},
		"an index":                             {"%proc.aname[1] %proc.aname[5]", ancestors, "runc <NA>"},
		"all ancestors":                        {"%proc.aname", ancestors, "runc systemd"},
		"numbers and bools":                    {"%proc.pid %evt.failed %user.loginuid", named("x"), "10 false 0"},
		"a transformer":                        {"%toupper(proc.name)!", named("bash"), "BASH!"},
		"a transformer of nothing":             {"%tolower(k8s.rc.name)", named("bash"), "<NA>"},
		"a width pads":                         {"%6proc.name|", named("bash"), "bash  |"},
		"a width cuts whole characters":        {"%2proc.name|", named("日本語"), "日本|"},
		"a leading star and blanks go":         {"  *%proc.name ", named("x"), "x"},
		"a star elsewhere stays":               {"%proc.name*", named("x"), "x*"},
		"the container's description is empty": {"a %container.info b", named("x"), "a  b"},
		"event arguments":                      {"%evt.arg.flags", opened("/x"), "O_RDONLY"},
		"all arguments": {"%evt.args", of(pipeline.EventUnlink, func(ev *pipeline.Event) {
			ev.Path[0] = pipeline.Path{Raw: "/a", Name: "/a", Set: true}
		}), "res=0 path=/a"},
		"an address": {"%fd.rip:%fd.rport", socket(pipeline.FDIPv6, "[::1]:1", "[2001:db8::1]:443"), "2001:db8::1:443"},
	} {
		t.Run(sentence, func(t *testing.T) {
			if got := format(t, c.text, c.ev); got != c.want {
				t.Errorf("%q = %q, want %q", c.text, got, c.want)
			}
		})
	}
}

func TestOutputErrors(t *testing.T) {
	for text, want := range map[string]string{
		"100 % of":        "1:5: no field after %",
		"ends in %":       "1:9: no field after %",
		"a %nonsense.x b": `1:4: nonexistent field "nonsense.x"`,
		"a %fd.ip":        "1:3: fd.ip can be compared but not printed",
	} {
		if _, err := ParseOutput(syntax.NewText(text, syntax.Pos{Line: 1, Col: 1})); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseOutput(%q)\n got %v\nwant %s", text, err, want)
		}
	}
}

// FuzzParseOutput checks that foreign text gives an error or an output that can be printed.
func FuzzParseOutput(f *testing.F) {
	for _, s := range []string{"a %proc.name b", "%9evt.arg[2]%tolower(proc.exe)", "*%x", "%", "%container.info %proc.aname[\"1\"]"} {
		f.Add(s)
	}
	ev := opened("/etc/x")
	f.Fuzz(func(t *testing.T, s string) {
		o, err := ParseOutput(syntax.NewText(s, syntax.Pos{Line: 1, Col: 1}))
		if (o == nil) == (err == nil) {
			t.Fatalf("ParseOutput(%q) = %v, %v: want one of the two", s, o, err)
		}
		if err != nil {
			return
		}
		var v field.View
		v.Reset(ev)
		o.Append(nil, &v)
	})
}
