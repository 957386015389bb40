package deliver

import "github.com/tocsin-security/tocsin/pipeline"

// lane is how much a notification matters when not all can go.
type lane uint8

const (
	urgent lane = iota // an alert that is critical or worse, and told for the first time
	normal             // others told for the first time
	late               // repeats, what is over, and what is for the record
)

// laneOf is the lane of the alert that matters most.
func laneOf(n *pipeline.Notification) lane {
	best := late
	for i := range n.Alerts {
		a := &n.Alerts[i]
		over := a.Stateful != nil && !a.Stateful.EndsAt.IsZero()
		switch {
		case over, a.Closing, a.Escalated, a.Priority > pipeline.Warning, n.Reason == repeated:
		case a.Priority <= pipeline.Critical:
			return urgent
		default:
			best = normal
		}
	}
	return best
}

// repeated is the reason of a notification that tells nothing new, as Alertmanager words it.
const repeated = "repeat interval elapsed"
