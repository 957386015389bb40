package route

import (
	"sync/atomic"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Stats are counts since the start.
type Stats struct {
	Suppressed map[string]uint64 // alerts that were kept back, by reason: pipeline.BySilence, …
	Summaries  uint64            // notifications of what was kept back
	Flushed    uint64            // groups that were due and looked at
	Late       time.Duration     // how long these had been due, all together
	LatestLate time.Duration     // and the latest of them
}

// Add adds up the counts of two.
func (s *Stats) Add(t Stats) {
	for reason, n := range t.Suppressed {
		s.Suppressed[reason] += n
	}
	s.Summaries, s.Flushed, s.Late = s.Summaries+t.Summaries, s.Flushed+t.Flushed, s.Late+t.Late
	s.LatestLate = max(s.LatestLate, t.LatestLate)
}

// reasons are what Stats.Suppressed is counted by.
var reasons = [...]string{
	pipeline.BySilence, pipeline.ByInhibition, pipeline.ByMuteInterval, pipeline.ByActiveInterval, pipeline.ByAck,
}

type counters struct {
	suppressed                [len(reasons)]atomic.Uint64
	summaries, flushed        atomic.Uint64
	lateTotal, lateMostLately atomic.Int64 // ns
}

func (c *counters) add(o *output) {
	for i, reason := range reasons {
		c.suppressed[i].Add(uint64(o.suppressed[reason]))
	}
	for i := range o.notifications {
		if len(o.notifications[i].Held) > 0 {
			c.summaries.Add(1)
		}
	}
}

func (c *counters) late(by time.Duration) {
	c.flushed.Add(1)
	c.lateTotal.Add(int64(by))
	c.lateMostLately.Store(int64(by))
}

// Stats returns the counts.
func (g *Grouper) Stats() Stats {
	c := &g.stats
	s := Stats{
		Suppressed: map[string]uint64{}, Summaries: c.summaries.Load(), Flushed: c.flushed.Load(),
		Late: time.Duration(c.lateTotal.Load()), LatestLate: time.Duration(c.lateMostLately.Load()),
	}
	for i, reason := range reasons {
		s.Suppressed[reason] = c.suppressed[i].Load()
	}
	return s
}
