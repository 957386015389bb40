package deliver

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
)

// What goes together under pressure calls the same people: those of one step of an escalation first.
func TestWhatGoesTogetherCallsTheSame(t *testing.T) {
	one := func(id, escalation, step string, l lane) *item {
		n := pipeline.Notification{ID: id, Alerts: []pipeline.Alert{{Rule: id}}}
		if escalation != "" {
			n.RouteLabels = map[string]string{pipeline.Escalation: escalation, pipeline.EscalationStep: step}
		}
		return &item{delivery: &pipeline.Delivery{Notification: n}, lane: l}
	}
	for name, c := range map[string]struct {
		lane lane
		want []string // batches, one after the other
	}{
		"a digest":               {normal, []string{"digest [b d]", "digest [c]", "digest [a e f]"}},
		"urgent ones, in a rush": {urgent, []string{"message [b d]", "message [c]", "message [a e f]"}},
	} {
		t.Run(name, func(t *testing.T) {
			waiting := []*item{
				one("a", "", "", c.lane), one("b", "db", "1", c.lane), one("c", "db", "2", c.lane), one("d", "db", "1", c.lane),
				one("e", "", "", c.lane), one("f", "", "", c.lane),
			}
			var got []string
			for len(waiting) > 0 {
				b := pick(waiting, 100, 10, false)
				what, ids := "message", []string{}
				if b.digest {
					what = "digest"
				}
				var all []pipeline.Notification
				for _, i := range b.items {
					ids, all = append(ids, i.delivery.Notification.ID), append(all, i.delivery.Notification)
				}
				got = append(got, fmt.Sprint(what, " ", ids))
				if n := b.notification(all); n.RouteLabels[pipeline.EscalationStep] != all[0].RouteLabels[pipeline.EscalationStep] {
					t.Errorf("%v is told as step %q, want whom it is for", ids, n.RouteLabels[pipeline.EscalationStep])
				}
				waiting = slices.DeleteFunc(waiting, func(i *item) bool { return slices.Contains(b.items, i) })
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%q go one after the other, want %q", got, c.want)
			}
		})
	}
}
