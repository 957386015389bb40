package route

import (
	"slices"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Why a notification goes out. The words are Alertmanager's where it has them; templates see them.
const (
	reasonFirst    = "first notification"
	reasonNew      = "new alerts added"
	reasonSilence  = "after silence" // it was announced before; the silence or mute that kept it back is over
	reasonMute     = "after mute"
	reasonResolved = "all alerts resolved"
	reasonSome     = "some alerts resolved"
	reasonRepeat   = "repeat interval elapsed"
	reasonSummary  = "summary" // of quiet times, and of what was kept back
	reasonEscalate = "not acknowledged"
)

// reason says why an integration is told of the group's members now; "": it is not. The first that holds counts:
//
//  1. something fires of which it was not told
//  2. something fires that a silence or a mute had kept back, though it was told before
//  3. something it knows of is resolved, and it wants to hear of that
//  4. its latest notification is repeat_interval old, and something fires that nobody takes care of
func (d *decision) reason(to Integration) string {
	told := func(m *member) bool { return m.isTold(to.Topic) }
	untold := func(m *member) bool { return !m.isTold(to.Topic) }
	switch {
	case slices.ContainsFunc(d.waiting, untold):
		if slices.ContainsFunc(d.members.all, told) {
			return reasonNew
		}
		return reasonFirst
	case slices.ContainsFunc(d.waiting, func(m *member) bool { return m.Kept == pipeline.BySilence }):
		return reasonSilence
	case slices.ContainsFunc(d.waiting, func(m *member) bool { return m.Kept == pipeline.ByMuteInterval || m.Kept == pipeline.ByActiveInterval }):
		return reasonMute
	case to.SendResolved && slices.ContainsFunc(d.gone, told):
		if len(d.firing) > 0 || d.hidden {
			return reasonSome
		}
		return reasonResolved
	case len(d.waiting) > 0 && !d.memory.Told[to.Topic].Add(d.route.RepeatInterval).After(d.now):
		return reasonRepeat
	default:
		return ""
	}
}
