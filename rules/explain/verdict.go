package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

// State is whether a rule can fire.
type State string

// States.
const (
	CanFire     State = "can fire"
	PartlyBlind State = "partly blind" // it can fire, and not on everything that its text asks for
	CannotFire  State = "cannot fire"
	DoesNotRun  State = "does not run" // disabled, too mild, of another source
)

// Verdict is a State with its reasons.
type Verdict struct {
	Rule    string   `json:"rule"`
	At      string   `json:"at"` // file:line:col
	State   State    `json:"verdict"`
	Reasons []Reason `json:"reasons,omitempty"`
	// OnPurpose says that the rule's author switched it off: it is a template for somebody's own conditions.
	OnPurpose bool `json:"on_purpose,omitempty"`
	// Counted says where the rule's window is: "" without one.
	Counted string `json:"counted,omitempty"`
}

// Reason is one thing that a rule cannot see.
type Reason struct {
	Text string `json:"text"`
	At   string `json:"at,omitempty"` // file:line:col of the comparison
}

// allTypes is how many kinds of event a condition may hold for and still mean each of them: one that
// holds for nearly all of them just names no event.
const allTypes = 20

// Judge says whether a rule of set can fire where only events that seen accepts are reported.
func Judge(set *rules.Set, r *rules.Rule, seen func(pipeline.EventType) bool) Verdict {
	v := Verdict{Rule: r.Name, At: r.At.String(), State: CanFire, Counted: counted(r.Window)}
	switch {
	case !r.Runs():
		v.State, v.Reasons = DoesNotRun, []Reason{{Text: r.Skipped}}
		return v
	case r.Code == nil: // it asks for no field of the kernel
		return v
	}
	j := judge{set: set, rule: r}
	j.window(&v)
	for _, q := range questions(r) {
		j.question(&v, q, seen)
	}
	if v.Reasons = j.reasons; len(v.Reasons) > 0 && v.State == CanFire {
		v.State = PartlyBlind
	}
	return v
}

// question judges what has to hold for some event: the condition, or a step.
func (j *judge) question(v *Verdict, q question, seen func(pipeline.EventType) bool) {
	j.step = ""
	if q.step != "" {
		j.step = fmt.Sprintf("step %q: ", q.step)
	}
	tree := j.set.Program.Tree(q.code)
	types := q.code.EventTypes()
	if len(types) == 0 || !holdsForSome(tree, types) {
		v.OnPurpose = j.blockers(tree) && (v.State == CanFire || v.OnPurpose)
		v.State = CannotFire
		return
	}
	j.blindSpots(tree, false)
	if unseen := unseenNames(types, seen); len(unseen) > 0 && len(types) <= allTypes {
		j.add("the sensor does not report "+strings.Join(unseen, ", "), "")
		if !slices.ContainsFunc(types, seen) {
			v.State, v.OnPurpose = CannotFire, false
		}
	}
}

// window judges the fields that a window compares.
func (j *judge) window(v *Verdict) {
	w := j.rule.Window
	if w == nil {
		return
	}
	for _, f := range []*field.Ref{w.Distinct, w.Changed, w.New} {
		if f == nil {
			continue
		}
		if why := j.set.Program.Unavailable(*f); why != "" {
			v.State = CannotFire
			j.add(fmt.Sprintf("the window waits for values of %s, which is always null here: %s", f.Text, why), w.At.String())
		}
	}
}

func holdsForSome(t *filter.Tree, types []pipeline.EventType) bool {
	return slices.ContainsFunc(types, func(of pipeline.EventType) bool {
		yes, _ := t.CanHold(of)
		return yes
	})
}

// unseenNames are the types that nobody reports, by name; a name that is seen in another way is not among them.
func unseenNames(types []pipeline.EventType, seen func(pipeline.EventType) bool) []string {
	var names []string
	for _, t := range types {
		if name := t.String(); !seen(t) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

type judge struct {
	set     *rules.Set
	rule    *rules.Rule
	step    string // that is looked at, as reasons begin with it
	reasons []Reason
}

func (j *judge) add(text, at string) {
	if r := (Reason{j.step + text, at}); !slices.Contains(j.reasons, r) {
		j.reasons = append(j.reasons, r)
	}
}

// blockers adds what keeps a part from ever holding, and reports whether that was meant.
func (j *judge) blockers(t *filter.Tree) (onPurpose bool) {
	at := t.Node.Pos().String()
	switch t.Kind {
	case filter.CheckTree:
		return j.blockingCheck(t, at)
	case filter.NotTree:
		j.add(fmt.Sprintf("%q always holds, and must not", t.Kids[0].Node), at)
		return false
	case filter.AnyTree:
		onPurpose = true
		for _, k := range t.Kids {
			onPurpose = j.blockers(k) && onPurpose
		}
		return onPurpose
	}
	some := false
	for _, k := range t.Kids {
		if !canHold(k) {
			some = true
			onPurpose = j.blockers(k) || onPurpose
		}
	}
	if !some {
		j.add("its parts ask for different events: none satisfies all of them", at)
	}
	return onPurpose
}

// blockingCheck says why one comparison never holds.
func (j *judge) blockingCheck(t *filter.Tree, at string) (onPurpose bool) {
	switch {
	case t.IsSwitch():
		text := fmt.Sprintf("it is switched off by %q, which no event satisfies", t.Node)
		if macros := j.set.Origin(j.rule, t.Node); len(macros) > 0 {
			text = fmt.Sprintf("it is switched off by the macro %s: give that a condition of your own to switch it on", macros[0])
		}
		j.add(text, at)
		return true
	case t.IsEmpty():
		j.add(fmt.Sprintf("the list of %q is empty", t.Node), at)
	case len(t.Notes()) > 0:
		for _, note := range t.Notes() {
			j.add(note, at)
		}
	default:
		j.add(fmt.Sprintf("%q holds for no event", t.Node), at)
	}
	return false
}

func canHold(t *filter.Tree) bool {
	for of := pipeline.EventUnknown + 1; of < pipeline.NumEventTypes; of++ {
		if yes, _ := t.CanHold(of); yes {
			return true
		}
	}
	return false
}

// blindSpots adds the comparisons that have no answer here, with what that does to the rule.
func (j *judge) blindSpots(t *filter.Tree, negated bool) {
	if t.Kind == filter.NotTree {
		j.blindSpots(t.Kids[0], !negated)
		return
	}
	for _, k := range t.Kids {
		j.blindSpots(k, negated)
	}
	if t.Kind != filter.CheckTree || t.IsSwitch() {
		return
	}
	for _, note := range t.Notes() {
		if !t.ByType() {
			note += effect(negated)
		}
		j.add(note, t.Node.Pos().String())
	}
}

func effect(negated bool) string {
	if negated {
		return "; so its negation always holds"
	}
	return "; so it never holds"
}
