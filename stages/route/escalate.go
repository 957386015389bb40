package route

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Escalation is who else is told of what nobody acknowledges.
//
// A step is a route of its own beside the one that escalates: with the same groups, that wait longer. So it is durable,
// and told once, as everything is that waits in groups; and what somebody has acknowledged by then, or what is over, it
// does not tell.
type Escalation struct {
	Name  string
	Steps []EscalationStep
}

// EscalationStep is one of its messages.
type EscalationStep struct {
	After    time.Duration // since a group's first message
	Notify   string        // who is called: for pipeline.EscalationNotify
	Receiver string        // ""; that of the route
}

// NoEscalation in a route's escalate takes back what it would inherit.
const NoEscalation = "none"

// stepMark begins the IDs of steps; those of routes begin otherwise.
const stepMark = "!"

// never is the repeat_interval of steps: each tells once.
const never = 10 * 365 * 24 * time.Hour

// role is what sets a route that is a step apart.
type role uint8

const (
	plain   role = iota
	step         // of an escalation
	sameOne      // likewise, of a receiver that hears of the end by the route that escalates, or by an earlier step
	gone         // a reload has removed it: it tells nobody
)

// stepsOf makes the steps of a compiled route.
func (t *Tree) stepsOf(r *Route) (all []*Route) {
	e, told := t.escalations[r.Escalate], map[string]bool{r.Receiver: true}
	for i, s := range e.Steps {
		one := *r
		one.Routes, one.children, one.steps = nil, nil, nil
		one.role, one.Receiver = step, cmp.Or(s.Receiver, r.Receiver)
		if told[one.Receiver] {
			one.role = sameOne
		}
		told[one.Receiver] = true
		one.GroupWait, one.RepeatInterval, one.endWait = r.GroupWait+s.After, never, r.GroupWait
		one.ID = fmt.Sprintf("%s%d %s", stepMark, i+1, r.ID)
		place := fmt.Sprintf("%d/%d", i+1, len(e.Steps))
		one.Path = append(slices.Clip(r.Path), "escalation "+e.Name+" "+place)
		one.Labels = maps.Clone(r.Labels)
		if one.Labels == nil {
			one.Labels = map[string]string{}
		}
		one.Labels[pipeline.Escalation], one.Labels[pipeline.EscalationStep] = e.Name, place
		if s.Notify != "" {
			one.Labels[pipeline.EscalationNotify] = s.Notify
		}
		t.byID[one.ID] = &one
		all = append(all, &one)
	}
	return all
}

// wait is how long a group waits for an alert. Of the end of one, the group of a step tells as soon as its route does.
func (r *Route) wait(a *pipeline.Alert, now time.Time) time.Duration {
	if r.role != plain && a.Stateful != nil && a.Stateful.Resolved(now) {
		return r.endWait
	}
	return r.GroupWait
}

// early keeps a member back in a step's group whose time has not come. It comes so long after the alert; where somebody
// took care of it, so long after that.
func (d *decision) early(m *member, ack pipeline.Suppressed, acked bool) bool {
	due := m.Since.Add(d.route.GroupWait)
	switch {
	case acked:
		m.begin(ack.Until)
		d.due.held(ack.Until)
	case m.Since.After(d.now): // what kept it back is over before its time
		m.begin(d.now)
		d.due.by(d.now.Add(d.route.GroupWait))
	case due.After(d.now):
		d.due.by(due)
	default:
		return false
	}
	d.hidden = true
	return true
}

// isStep reports whether the ID of a route is that of a step.
func isStep(id string) bool { return strings.HasPrefix(id, stepMark) }

// adapt makes the input of a step's group what it is: what is kept back is summed up by the route that escalates.
func (in *input) adapt() {
	if in.route.role == plain {
		return
	}
	in.summaries = Summaries{}
	for _, m := range in.members.all {
		if m.fresh {
			m.begin(m.came)
		}
	}
	all := in.receiver.Integrations
	in.receiver.Integrations = nil
	for _, to := range all {
		to.SendResolved = to.SendResolved && in.route.role == step
		if in.route.role != gone {
			in.receiver.Integrations = append(in.receiver.Integrations, to)
		}
	}
}

// ValidateEscalations returns, as *ConfigErrors, every name of an escalation that routes ask for and known lacks.
func ValidateEscalations(cfg *Config, known []string) error {
	return errors.Join(cfg.mistakes("", func(_ string, c *Config, bad mistake) {
		if c.Escalate != "" && c.Escalate != NoEscalation && !slices.Contains(known, c.Escalate) {
			bad(".escalate", "there is no escalation %q under on_call.escalations", c.Escalate)
		}
	})...)
}
