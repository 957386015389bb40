package route

import "github.com/tocsin-security/tocsin/pipeline"

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
)

// reason says why an integration is told of the group's members now; "": it is not. The first that holds counts:
//
//  1. something fires of which it was not told
//  2. something fires that a silence or a mute had kept back, though it was told before
//  3. something it knows of is resolved, and it wants to hear of that
//  4. its latest notification is repeat_interval old, and something fires that nobody takes care of
func (d *decision) reason(to Integration) string {
	var announced, released, waits bool
	unknown := false
	for _, m := range d.members.all {
		announced = announced || m.isTold(to.Topic)
	}
	for _, m := range d.firing {
		if _, acked := d.watch.acked(m.Alert.Fingerprint); acked {
			continue
		}
		waits = true
		unknown = unknown || !m.isTold(to.Topic)
		released = released || m.Kept == pipeline.BySilence
	}
	switch {
	case unknown && announced:
		return reasonNew
	case unknown:
		return reasonFirst
	case released:
		return reasonSilence
	case d.unmuted():
		return reasonMute
	}
	if to.SendResolved {
		for _, m := range d.gone {
			if m.isTold(to.Topic) && (len(d.firing) > 0 || d.hidden) {
				return reasonSome
			} else if m.isTold(to.Topic) {
				return reasonResolved
			}
		}
	}
	if last := d.memory.Told[to.Topic]; waits && !last.Add(d.route.RepeatInterval).After(d.now) {
		return reasonRepeat
	}
	return ""
}

// unmuted reports whether a member fires, and nobody takes care of it, that a time interval had kept back.
func (d *decision) unmuted() bool {
	for _, m := range d.firing {
		if _, acked := d.watch.acked(m.Alert.Fingerprint); !acked && (m.Kept == pipeline.ByMuteInterval || m.Kept == pipeline.ByActiveInterval) {
			return true
		}
	}
	return false
}
