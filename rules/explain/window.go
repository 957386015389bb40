package explain

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

// Window is a rule's window in words.
type Window struct {
	Counted  string   `json:"counted"`            // where
	By       []string `json:"by"`                 // none: all occurrences of the rule
	Within   string   `json:"within,omitempty"`   //
	Clauses  []string `json:"clauses"`            // all of which have to hold
	Cooldown string   `json:"cooldown,omitempty"` // "": none
	Steps    []*Step  `json:"steps,omitempty"`    // of a sequence for the kernel's events
}

// Step is a step of a sequence, with the rule's own condition in it.
type Step struct {
	Name       string   `json:"name"`
	Condition  *Part    `json:"condition"`
	EventTypes []string `json:"event_types"`
	Found      []Found  `json:"found"`
}

// counted says where a window is; "" when there is none.
func counted(w *rules.Window) string {
	switch {
	case w == nil:
		return ""
	case w.Local:
		return "counted on each node"
	default:
		return "counted in the store"
	}
}

func newWindow(w *rules.Window) *Window {
	by, distinct, changed, unseen := w.Fields()
	e := &Window{Counted: counted(w), By: append([]string{}, by...)}
	add := func(format string, args ...any) { e.Clauses = append(e.Clauses, fmt.Sprintf(format, args...)) }
	n := &w.Window
	if n.Within > 0 {
		e.Within = pipeline.Duration(n.Within).Short()
	}
	if n.Cooldown > 0 {
		e.Cooldown = pipeline.Duration(n.Cooldown).Short()
	}
	if n.Count > 0 {
		add("count: more than %d", n.Count)
	}
	if n.Distinct > 0 {
		add("distinct: more than %d values of %s", n.Distinct, distinct)
	}
	if n.Rate > 0 {
		most := strconv.FormatFloat(math.Round(n.Rate*n.RateSpan.Seconds()*1e3)/1e3, 'f', -1, 64)
		text := fmt.Sprintf("rate: more than %s in %s", most, pipeline.Duration(n.RateSpan).Short())
		if n.RateFor > 0 {
			text += ", for " + pipeline.Duration(n.RateFor).Short() + " without a break"
		}
		add("%s", text)
	}
	if n.Changed > 0 {
		add("changed: %s differs from the last one, remembered for %s", changed, pipeline.Duration(n.Changed).Short())
	}
	if n.New > 0 {
		add("new: %s was not seen for %s", unseen, pipeline.Duration(n.New).Short())
	}
	if n.Steps > 0 {
		var names []string
		for _, s := range w.Steps {
			names = append(names, s.Name)
		}
		add("sequence: %s", strings.Join(names, ", then "))
	}
	return e
}
