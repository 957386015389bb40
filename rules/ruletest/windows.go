package ruletest

import (
	"fmt"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/stages/window"
)

// windows judges the occurrences of one test in memory, and keeps what explains why a window did not fire.
type windows struct {
	memory *window.Memory
	looks  *window.Memory // asked with the least thresholds, for what is in view below those of the rules
	seen   map[*pipeline.Window]*tally
}

// tally is what the window of a rule was shown.
type tally struct {
	fired           int
	count, distinct uint64 // in view at the last occurrence
}

func newWindows() *windows {
	cfg := window.DefaultConfig()
	return &windows{memory: window.NewMemory(cfg), looks: window.NewMemory(cfg), seen: map[*pipeline.Window]*tally{}}
}

// Judge asks the window.
func (w *windows) Judge(obs *pipeline.Observation, judged *pipeline.Judged) {
	w.memory.Judge(obs, judged)
	t := w.seen[obs.Window]
	if t == nil {
		t = &tally{}
		w.seen[obs.Window] = t
	}
	if judged.Fired {
		t.fired++
	}
	if obs.Window.Count > 0 {
		t.count = w.inView(obs, pipeline.Window{Within: obs.Window.Within, Count: 1}).Count
	}
	if obs.Window.Distinct > 0 {
		t.distinct = w.inView(obs, pipeline.Window{Within: obs.Window.Within, Distinct: 1}).Distinct
	}
}

// inView is what a window over two shows; below that it is one, of what there is.
func (w *windows) inView(obs *pipeline.Observation, two pipeline.Window) pipeline.Sight {
	look := *obs
	look.Window, look.ID = &two, ""
	look.Key = fmt.Sprint(two.Distinct, " ", obs.Key)
	var judged pipeline.Judged
	if w.looks.Judge(&look, &judged); judged.Fired {
		return judged.Sight
	}
	sight := pipeline.Sight{Count: 1}
	if obs.Distinct != "" {
		sight.Distinct = 1
	}
	return sight
}

// finish judges an alert whose window would be the store's, and reports whether it is one.
func (w *windows) finish(a *pipeline.Alert) bool {
	if a.Unjudged == nil {
		return true
	}
	var judged pipeline.Judged
	obs := &a.Unjudged.Observation
	obs.Arrived = obs.At
	obs.ID = "" // two events of a test may be alike in all that an id is made of; none is delivered again
	if w.Judge(obs, &judged); judged.Fired {
		a.Show(judged.Sight, judged.Degraded)
	}
	return judged.Fired
}

// why says why a rule whose condition held did not fire as often as expected; nil: it never held, or has no
// window.
func (w *windows) why(r *rules.Rule) *Why {
	if r.Window == nil || w.seen[&r.Window.Window] == nil {
		return nil
	}
	t := w.seen[&r.Window.Window]
	reason := "its condition holds, its window did not fire"
	if t.fired > 0 {
		reason = "its window fired fewer times than expected"
	}
	var parts []string
	if over := r.Window.Count; over > 0 {
		parts = append(parts, fmt.Sprintf("%d of more than %d within %s", t.count, over, r.Window.Within))
	}
	if over := r.Window.Window.Distinct; over > 0 {
		parts = append(parts, fmt.Sprintf("%d values of more than %d within %s", t.distinct, over, r.Window.Within))
	}
	if t.fired > 0 && r.Window.Cooldown > 0 {
		parts = append(parts, fmt.Sprintf("cooldown %s", r.Window.Cooldown))
	}
	if len(parts) == 0 {
		return &Why{Reason: reason}
	}
	return &Why{Reason: reason + "; window: " + strings.Join(parts, ", ")}
}
