package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/pipeline"
)

// shown is an output with each thing that the window shows in brackets.
func shown(w *Window, event any) string {
	var b strings.Builder
	for _, p := range w.Output {
		switch {
		case p.Output != nil:
			b.Write(p.Output.Append(nil, event.(*field.View)))
		case p.Payload != nil:
			b.WriteString(p.Payload.Text(event.(payload.Event)))
		default:
			fmt.Fprintf(&b, "[%s %d]", p.Sight, p.Width)
		}
	}
	return b.String()
}

const manyClauses = "window: {by: [fd.name], within: 1m, distinct: {field: fd.sip, over: 1}, changed: {field: fd.name}, rate: {over: 1/s}, " +
	"sequence: [{condition: evt.type = open}, {condition: evt.type = close}]}"

func TestOutputsOfWindows(t *testing.T) {
	var v field.View
	v.Reset(&pipeline.Event{Type: pipeline.EventOpen, HasRet: true, Proc: &pipeline.Process{Known: true, Comm: "cat"}})
	for output, want := range map[string]string{
		"n=%window.count":                  "n=[window.count 0]",
		"%window.count":                    "[window.count 0]",
		" * %window.count * ":              " [window.count 0] *",
		"*%window.count*%proc.name*":       "[window.count 0]*cat*",
		"%10window.count.":                 "[window.count 10].",
		"%99999window.count":               "[window.count 1024]",
		"%window.first%window.last":        "[window.first 0][window.last 0]",
		"a %5proc.name %window.rate b ":    "a cat   [window.rate 0] b",
		"%window.distinct, %window.values": "[window.distinct 0], [window.values 0]",
		"%proc.name%window.steps%fd.name.": "cat[window.steps 0]<NA>.",
		"no window: %proc.name":            "no window: cat",
		"100 %window.previous.x":           "100 [window.previous 0].x",
	} {
		s := parse(t, strings.Replace(rule("r", "evt.type exists", manyClauses), "output: o", "output: '"+output+"'", 1))
		if len(s.Rules) != 1 {
			t.Errorf("%q: %s", output, serious(s))
			continue
		}
		if got := shown(s.Rules[0].Window, &v); got != want {
			t.Errorf("%q shows %q, want %q", output, got, want)
		}
	}
}

func TestOutputsOfWindowsHaveTheirFields(t *testing.T) {
	file := strings.Replace(rule("r", open, "window: {by: [fd.name], within: 1m, count: {over: 1}}"),
		"output: o", "output: '%proc.name %window.count %proc.name %fd.name %container.info'", 1)
	cfg := DefaultConfig()
	cfg.AppendOutput = []AppendOutput{{ExtraOutput: "at %evt.num"}}
	s, err := Parse(cfg, []Source{{Name: "a.yaml", Data: []byte(file)}})
	if err != nil {
		t.Fatal(err)
	}
	names := ""
	for _, f := range s.Rules[0].Output.Fields() {
		names += f.Text + " "
	}
	if names != "proc.name fd.name evt.num " {
		t.Errorf("fields of the output: %s", names)
	}
	if got := serious(s); !strings.Contains(got, "a.yaml:3:57: warning: LOAD_DEPRECATED_ITEM: r: %container.info") {
		t.Errorf("problems: %s", got)
	}
	var v field.View
	v.Reset(&pipeline.Event{Type: pipeline.EventOpen, Num: 7, Proc: &pipeline.Process{Known: true, Comm: "cat"}})
	if got, want := shown(s.Rules[0].Window, &v), "cat [window.count 0] cat <NA>  at 7"; got != want {
		t.Errorf("output %q, want %q", got, want)
	}
}

func TestOutputsOfStructuredWindows(t *testing.T) {
	many := ""
	for i := range 40 {
		many += fmt.Sprintf("%%event.m%d%%window.count", i)
	}
	s := parseSources(t, strings.Replace(rule("r", "true", "source: json", "window: {within: 1m, count: {over: 1}}"), "output: o", "output: ' %event.a at %8window.count%event.b. '", 1)+
		strings.Replace(rule("s", "true", "source: json", "window: {within: 1m, count: {over: 1}}"), "output: o", "output: '"+many+"'", 1))
	if len(s.Rules) != 2 {
		t.Fatal(serious(s))
	}
	e := payload.FromMap(map[string]any{"a": "x", "m1": strings.Repeat("y", 5000)})
	if got, want := shown(s.Rules[0].Window, e), "x at [window.count 8]<NA>."; got != want {
		t.Errorf("output %q, want %q", got, want)
	}
	if n := len(s.Rules[0].Payload.Output.Paths()); n != 2 {
		t.Errorf("%d members in the output, want 2", n)
	}
	// The bound on all values is one for all pieces.
	if n, limit := strings.Count(shown(s.Rules[1].Window, e), "y"), 16384/40; n > limit {
		t.Errorf("%d bytes of a value, want at most %d", n, limit)
	}
}

func TestBadOutputsOfWindows(t *testing.T) {
	const e, w = "error: LOAD_ERR_COMPILE_OUTPUT: r: ", "warning: LINT_WINDOW: r: "
	window := "window: {by: [fd.name], within: 1m, count: {over: 1}}"
	for sentence, c := range map[string]struct {
		output, window, want string
	}{
		"no window":                    {"a %window.count", "", "3:14: " + e + "%window.count: the rule has no window (give it one, for example window: {within: 5m, count: {over: 10}})"},
		"no such field":                {"a %window.cuont", window, "3:14: " + e + `nonexistent field "window.cuont" (did you mean "window.count"?)`},
		"nothing like a field":         {"a %window.frequency_in_words", window, "3:14: " + e + `nonexistent field "window.frequency_in_words" (a window has window.count, window.distinct, window.first, window.last, window.previous, window.rate, window.steps, window.values)`},
		"no name":                      {"a %window.", window, "3:14: " + e + `nonexistent field "window." (a window has`},
		"no dot":                       {"a %window", window, "3:14: " + e + `nonexistent field "window"`},
		"a percent sign before it":     {"a %%window.count", window, "3:14: " + e + "no field after % (an output cannot hold a literal percent sign)"},
		"another field behind it":      {"a %window.count b %proc.nmae", window, "3:31: " + e + `nonexistent field "proc.nmae" (did you mean "proc.name"?)`},
		"a field that no clause fills": {"a %window.previous", window, "3:14: " + w + "%window.previous is always <NA>: the window does not ask for changed (leave it out, or add changed: {field: container.image.tag})"},
		"another one":                  {"a %window.values", window, "3:14: " + w + "%window.values is always <NA>: the window does not ask for distinct (leave it out, or add distinct: {field: fd.sport, over: 20})"},
		"as an argument":               {"a %tolower(%window.count)", window, "3:14: " + e},
	} {
		s := parse(t, strings.Replace(rule("r", open, c.window), "output: o", `output: "`+c.output+`"`, 1))
		if got := serious(s); !strings.HasPrefix(got, "a.yaml:"+c.want) {
			t.Errorf("%s: %s\nwant a.yaml:%s", sentence, got, c.want)
		}
	}
	s := parseSources(t, strings.Replace(rule("r", "true", "source: json"), "output: o", `output: "a %window.count"`, 1))
	if got := serious(s); !strings.Contains(got, "a.yaml:3:14: "+e+"%window.count: the rule has no window") {
		t.Errorf("a structured rule without a window: %s", got)
	}
}
