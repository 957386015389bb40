package rules

import (
	"fmt"
	"slices"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
)

// localFields are the fields, beside ids of processes, whose values belong to one node: what is counted by one
// of them can be counted there, without asking anybody.
var localFields = []string{"container.id", "container.full_id", "evt.hostname"}

func isLocal(f field.Ref) bool {
	return f.Def.IsProcessID() || slices.Contains(localFields, f.Def.Name)
}

// ephemeralPorts are ports that the kernel chooses anew for each connection.
var ephemeralPorts = []string{"fd.cport", "fd.lport"}

// uniqueTexts are times, and numbers of events, that are not of type time.
var uniqueTexts = []string{"evt.num", "evt.datetime", "evt.datetime.s", "evt.time.iso8601"}

// manyCounted is more than a window is good for.
const manyCounted = 100_000

func (x *windowReader) warn(at syntax.Pos, hint, format string, args ...any) {
	x.b.problems.add(Warning, LintWindow, x.r.Name, at, x.r.Name+": "+fmt.Sprintf(format, args...), hint)
}

// lintKey warns about a field by which hardly two occurrences are ever counted together.
func (x *windowReader) lintKey(f field.Ref, at syntax.Pos) {
	what := ""
	switch {
	case f.Def.Type == field.Time && f.Def.Class() == "evt", f.Def.Type == field.Duration, slices.Contains(uniqueTexts, f.Def.Name):
		what = "is another one for every event"
	case slices.Contains(ephemeralPorts, f.Def.Name):
		what = "is another one for every connection"
	default:
		return
	}
	x.warn(at, "leave it out of by", "window.by: %s %s: nothing is counted together", f.Text, what)
}

// lint warns about a window that is valid and probably not meant.
func (x *windowReader) lint(given map[string]Key) {
	w := x.w
	if !x.structured && len(w.By) == 0 {
		at := w.At
		if by, ok := given["by"]; ok {
			at = by.At
		}
		x.warn(at, "name what is counted together, for example by: [container.id]", "window: all occurrences of the rule on all nodes are counted together")
	}
	if w.Count >= manyCounted {
		x.warn(given["count"].At, "check the number; a rate may say it better", "window.count: more than %d occurrences of one key are a lot to wait for", w.Count)
	}
	if w.Window.Distinct >= manyCounted {
		x.warn(given["distinct"].At, "check the number", "window.distinct: more than %d different values of one key are a lot to wait for, and are estimated", w.Window.Distinct)
	}
	if w.Rate > 0 && w.Rate*w.RateSpan.Seconds() < 1 {
		x.warn(given["rate"].At, "measure it over a longer time: rate: {over: …, within: 1h}", "window.rate: a single occurrence in %s is over it", w.RateSpan)
	}
}
