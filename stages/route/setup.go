package route

import (
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/route/inhibit"
)

// Setup is what a configuration says of routing. A reload exchanges it as a whole.
type Setup struct {
	Tree      *Tree
	Inhibit   *inhibit.Rules // nil: nothing is inhibited
	Intervals Intervals      // nil: there are none, and no route names one
	Summaries Summaries
}

// Intervals are the named time intervals.
type Intervals interface {
	// In says whether at is in the interval of that name, and until when that stays so; zero: not known.
	In(name string, at time.Time) (in bool, until time.Time)
}

// Summaries says what is summed up in a message once it is over. What is not is counted, and told nobody.
type Summaries struct {
	Mute       bool `yaml:"mute"`       // events that a route's time intervals kept back; default true
	Silence    bool `yaml:"silence"`    // events that a silence kept back; default true
	Inhibition bool `yaml:"inhibition"` // events that were inhibited; default false
}

// DefaultSummaries is what a configuration starts from.
func DefaultSummaries() Summaries { return Summaries{Mute: true, Silence: true} }

// of says whether events kept back for a reason are summed up.
func (s Summaries) of(why string) bool {
	switch why {
	case pipeline.BySilence:
		return s.Silence
	case pipeline.ByInhibition:
		return s.Inhibition
	case pipeline.ByMuteInterval, pipeline.ByActiveInterval:
		return s.Mute
	default:
		return false // who acknowledged an alert knows of it
	}
}

// muted says which of the route's time intervals keep everything back at now: one of mute_time_intervals that is
// on, or none of active_time_intervals being on.
func (s *Setup) muted(r *Route, now time.Time) (by []pipeline.Suppressed) {
	if s.Intervals == nil {
		return nil
	}
	for _, name := range r.MuteTimeIntervals {
		if in, until := s.Intervals.In(name, now); in {
			by = append(by, pipeline.Suppressed{Why: pipeline.ByMuteInterval, By: name, Until: until})
		}
	}
	if len(r.ActiveTimeIntervals) == 0 {
		return by
	}
	var first time.Time // when the first of them begins
	for _, name := range r.ActiveTimeIntervals {
		in, until := s.Intervals.In(name, now)
		if in {
			return by
		}
		if first.IsZero() || !until.IsZero() && until.Before(first) {
			first = until
		}
	}
	return append(by, pipeline.Suppressed{
		Why: pipeline.ByActiveInterval, By: strings.Join(r.ActiveTimeIntervals, ", "), Until: first,
	})
}
