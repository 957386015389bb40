package silence

import (
	"cmp"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// States of a silence.
const (
	Pending = "pending"
	Active  = "active"
	Expired = "expired"
)

// change is what a request makes of the silences there are.
type change struct {
	silence  pipeline.Silence  // as it will be
	replaces *pipeline.Silence // the one that ends because of it, as it will be; nil: none
	wake     bool              // something that was kept quiet no longer is, or not for as long
}

// decide makes of a posted silence what will be kept. old is the one with its id, nil where it has none; newID is
// for one that is new. The rules are Alertmanager's: an old one is changed in place where its matchers stay and it
// does not rewrite the past; else it ends and the posted one is new.
func decide(old *pipeline.Silence, posted pipeline.Silence, now time.Time, newID string) change {
	s := posted
	s.EndedWhy = ""
	if old != nil && inPlace(old, &s, now) {
		if old.State(now) == Active {
			s.StartsAt = old.StartsAt // to the second it is
		}
		s.UpdatedAt = after(now, old.UpdatedAt)
		return change{silence: s, wake: old.State(now) == Active && s.EndsAt.Before(old.EndsAt)}
	}
	s.ID, s.UpdatedAt = newID, now
	if s.StartsAt.Before(now) { // none at all likewise
		s.StartsAt = now
	}
	if old == nil || old.State(now) == Expired {
		return change{silence: s}
	}
	replaced := expire(old, now, "replaced by "+newID)
	return change{silence: s, replaces: &replaced, wake: old.State(now) == Active}
}

// inPlace reports whether s can take old's place.
func inPlace(old, s *pipeline.Silence, now time.Time) bool {
	if !slices.Equal(sorted(old.Matchers), sorted(s.Matchers)) {
		return false
	}
	switch old.State(now) {
	case Active:
		return s.StartsAt.Unix() == old.StartsAt.Unix() && !s.EndsAt.Before(now)
	case Pending:
		return !s.StartsAt.Before(now)
	default:
		return false
	}
}

func sorted(ms []pipeline.Matcher) []pipeline.Matcher {
	return slices.SortedFunc(slices.Values(ms), func(a, b pipeline.Matcher) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value), order(a.IsRegex, b.IsRegex), order(a.IsEqual, b.IsEqual))
	})
}

func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// expire ends a silence now.
func expire(s *pipeline.Silence, now time.Time, why string) pipeline.Silence {
	ended := *s
	if now.Before(ended.StartsAt) {
		ended.StartsAt = now
	}
	ended.EndsAt, ended.UpdatedAt, ended.EndedWhy = now, after(now, s.UpdatedAt), why
	return ended
}

// after is now, or where another process's clock is ahead, just after what it wrote: the store keeps the later one.
func after(now, before time.Time) time.Time { return later(now, before.Add(time.Microsecond)) }

// inOrder sorts silences as lists show them: active ones by their end, pending ones by their start, then those that
// are over, the latest first.
func inOrder(all []pipeline.Silence, now time.Time) {
	rank := map[string]int{Active: 0, Pending: 1, Expired: 2}
	slices.SortFunc(all, func(a, b pipeline.Silence) int {
		state := a.State(now)
		if c := cmp.Compare(rank[state], rank[b.State(now)]); c != 0 {
			return c
		}
		byTime := 0
		switch state {
		case Active:
			byTime = a.EndsAt.Compare(b.EndsAt)
		case Pending:
			byTime = a.StartsAt.Compare(b.StartsAt)
		case Expired:
			byTime = b.EndsAt.Compare(a.EndsAt)
		}
		return cmp.Or(byTime, cmp.Compare(a.ID, b.ID))
	})
}
