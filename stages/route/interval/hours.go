package interval

import (
	"time"

	"github.com/prometheus/alertmanager/timeinterval"
)

// hours are those of a Spec.
type hours struct {
	spans    []span                    // empty: the whole day
	days     timeinterval.TimeInterval // has neither times nor location
	location *time.Location
	edges    []int // minutes of a day at which it may begin or end
}

// span is from one minute of a day until before another; one that ends before its beginning goes on into the next day.
type span struct{ begin, end int }

func (h *hours) contain(at time.Time) bool {
	at = at.In(h.location)
	if len(h.spans) == 0 {
		return h.days.ContainsTime(at)
	}
	minute := at.Hour()*60 + at.Minute()
	for _, s := range h.spans {
		switch overnight := s.end < s.begin; {
		case minute >= s.begin && (overnight || minute < s.end):
			if h.days.ContainsTime(at) {
				return true
			}
		case overnight && minute < s.end:
			if h.days.ContainsTime(dayBefore(at)) {
				return true
			}
		}
	}
	return false
}

// dayBefore is noon, an hour that no change of clocks takes away.
func dayBefore(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day()-1, 12, 0, 0, 0, t.Location())
}

// next is the first moment after at when the hours may begin or end: the clock shows one of the edges, or is
// changed. Between two changes of the clock its offset is constant, which makes this plain arithmetic.
func (h *hours) next(at time.Time) time.Time {
	const day = 24 * 60 * 60
	local := at.In(h.location)
	_, offset := local.Zone()
	seconds := at.Unix() + int64(offset)
	midnight := seconds - (seconds%day+day)%day
	edge := midnight + day
	for _, minute := range h.edges {
		if e := midnight + int64(minute)*60; e > seconds {
			edge = e
			break
		}
	}
	next := time.Unix(edge-int64(offset), 0)
	if _, changed := local.ZoneBounds(); !changed.IsZero() && changed.Before(next) {
		return changed
	}
	return next
}
