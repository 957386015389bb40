package oncall

import "time"

// layer is a compiled Layer.
type layer struct {
	name   string
	people []string
	start  Date
	minute int // of the day, at handovers
	period int // days
	hours  []hours
	zone   *time.Location
}

// on returns who is on at a time, "" when nobody is.
func (l *layer) on(at time.Time) string {
	turn := l.turn(at)
	if turn < 0 || !l.counts(at) {
		return ""
	}
	return l.people[turn%len(l.people)]
}

// handover is when a turn begins, from 0.
func (l *layer) handover(turn int) time.Time { return l.start.at(turn*l.period, l.minute, l.zone) }

// turn is the one that a time is in, -1 before the first.
func (l *layer) turn(at time.Time) int {
	days := dateOf(at.In(l.zone)).days(l.start)
	if days < -1 {
		return -1
	}
	turn := days/l.period + 1
	for turn >= 0 && at.Before(l.handover(turn)) {
		turn--
	}
	return turn
}

func (l *layer) counts(at time.Time) bool {
	for i := range l.hours {
		if l.hours[i].contain(at, l.zone) {
			return true
		}
	}
	return len(l.hours) == 0
}

// next is the first moment after at when another one may be on.
func (l *layer) next(at time.Time) time.Time {
	next := l.handover(l.turn(at) + 1)
	for i := range l.hours {
		next = earliest(next, l.hours[i].next(at, l.zone), at)
	}
	return next
}

// hours are a compiled Hours.
type hours struct {
	days     [7]bool
	from, to int // minutes of a day; to is the next day's if it is not after from
}

// span is the hours that begin on a day, if some do.
func (h *hours) span(day Date, zone *time.Location) (from, to time.Time, ok bool) {
	after := 0
	if h.to <= h.from {
		after = 1
	}
	return day.at(0, h.from, zone), day.at(after, h.to, zone), h.days[day.weekday()]
}

func (h *hours) contain(at time.Time, zone *time.Location) bool {
	for day := -2; day <= 1; day++ { // the clock may skip a day, as Samoa's did
		if from, to, ok := h.span(dateOf(at.In(zone)).plus(day), zone); ok && !at.Before(from) && at.Before(to) {
			return true
		}
	}
	return false
}

// next is the first moment after at when hours begin or end.
func (h *hours) next(at time.Time, zone *time.Location) (next time.Time) {
	for day := -2; day <= week+1; day++ {
		if from, to, ok := h.span(dateOf(at.In(zone)).plus(day), zone); ok {
			next = earliest(earliest(next, from, at), to, at)
		}
	}
	return next
}

func (d Date) plus(days int) Date { return dateOf(d.at(days, 0, time.UTC)) }

// earliest of two moments that are after at; zero when neither is.
func earliest(a, b, at time.Time) time.Time {
	switch {
	case !b.After(at):
		return a
	case a.IsZero() || b.Before(a):
		return b
	default:
		return a
	}
}
