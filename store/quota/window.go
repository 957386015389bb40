package quota

import (
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// window is what one robot was sent.
type window struct {
	Sent   []time.Time `json:"sent"`            // the oldest first; as far back as the longest limit asks
	Frozen time.Time   `json:"frozen,omitzero"` // until when
}

// take is Quotas' Take at a time. changed: n were taken.
func (w *window) take(now time.Time, n int, limits []pipeline.Limit) (room pipeline.Room, changed bool) {
	w.forget(now, limits)
	if len(limits) > 0 {
		room.Used = w.since(now.Add(-limits[0].Per))
	}
	if w.Frozen.After(now) {
		room.Frozen, room.Wait = w.Frozen, w.Frozen.Sub(now)
		return room, false
	}
	for _, l := range limits {
		room.Wait = max(room.Wait, w.wait(now, n, l))
	}
	if room.Wait > 0 || n == 0 {
		return room, false
	}
	for range n {
		w.Sent = append(w.Sent, now)
	}
	room.Used += n
	return room, true
}

// wait is how long it takes until n more are within a limit.
func (w *window) wait(now time.Time, n int, l pipeline.Limit) time.Duration {
	used := w.since(now.Add(-l.Per))
	over := min(used+n-l.Most, used) // so many have to be forgotten
	if over <= 0 {
		return 0
	}
	last := w.Sent[len(w.Sent)-used+over-1]
	return last.Add(l.Per).Sub(now)
}

// since counts what was sent after a time.
func (w *window) since(t time.Time) int {
	first, _ := slices.BinarySearchFunc(w.Sent, t, func(at, t time.Time) int {
		if at.After(t) {
			return 1
		}
		return -1
	})
	return len(w.Sent) - first
}

func (w *window) forget(now time.Time, limits []pipeline.Limit) {
	longest := time.Minute // what another configuration of the robot may ask for
	for _, l := range limits {
		longest = max(longest, l.Per)
	}
	w.Sent = slices.Delete(w.Sent, 0, len(w.Sent)-w.since(now.Add(-longest)))
	// A clock that was set back must not hold a robot up for long.
	for i, at := range w.Sent {
		if at.After(now) {
			w.Sent[i] = now
		}
	}
}
