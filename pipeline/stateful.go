package pipeline

import "time"

// Stateful marks an alert of the kind that Prometheus sends: it says that something is so, from StartsAt on,
// until it says otherwise, and its producer sends it again and again. Its identity is all of its labels as they
// were posted. Without it, an alert is an event: something that happened, told once, which never resolves.
type Stateful struct {
	StartsAt     time.Time `json:"starts_at"`
	EndsAt       time.Time `json:"ends_at"`           // it fires until then, as far as is known
	UpdatedAt    time.Time `json:"updated_at"`        // when it was posted
	Timeout      bool      `json:"timeout,omitempty"` // EndsAt is ours (resolve_timeout): its producer gave none
	GeneratorURL string    `json:"generator_url,omitempty"`
}

// Resolved reports whether it has ended: EndsAt is not after now.
func (s *Stateful) Resolved(now time.Time) bool { return !s.EndsAt.IsZero() && !s.EndsAt.After(now) }

// Merge is what is known after both a and b of one alert were posted, in Alertmanager's way: where their times
// overlap the earliest start counts, the newer one's end, except that an end of ours never cuts short one that the
// producer gave; of two that have ended, the later end. Where they do not overlap it is the newer one: the
// alert came anew.
func (a *Stateful) Merge(b *Stateful) *Stateful {
	older, newer := a, b
	if b.UpdatedAt.Before(a.UpdatedAt) {
		older, newer = b, a
	}
	m := *newer
	overlap := !older.EndsAt.Before(newer.StartsAt) && !newer.EndsAt.Before(older.StartsAt)
	if !overlap {
		return &m
	}
	if older.StartsAt.Before(m.StartsAt) {
		m.StartsAt = older.StartsAt
	}
	switch at := newer.UpdatedAt; {
	case newer.Resolved(at) && older.Resolved(at):
		if older.EndsAt.After(m.EndsAt) {
			m.EndsAt, m.Timeout = older.EndsAt, older.Timeout
		}
	case !newer.Resolved(at) && newer.Timeout && !older.Timeout && older.EndsAt.After(m.EndsAt):
		m.EndsAt, m.Timeout = older.EndsAt, false
	}
	return &m
}
