package route

import (
	"context"

	"github.com/tocsin-security/tocsin/pipeline"
)

// merged is an alert of a message, and what its count includes.
type merged struct {
	*pipeline.Alert
	episode pipeline.Episode // the latest quiet time that it is about
	counted uint64           // how many occurrences of that are in Count
	step    bool             // its group is that of a step of an escalation
}

// merge makes one alert of those with one fingerprint (their quiet time was shorter than the group's
// wait, or a repeat or a summary passed) and drops redelivered ones. The latest is the one shown, in the
// place of the first.
func merge(alerts []pipeline.Alert) []merged {
	ids := make(map[string]bool, len(alerts))
	at := make(map[pipeline.Fingerprint]int, len(alerts))
	var all []merged
	for i := range alerts {
		a := alerts[i]
		if ids[a.ID] {
			continue
		}
		ids[a.ID] = true
		next := merged{Alert: &a, episode: pipeline.Episode{Key: a.Fingerprint.String(), ID: a.ID}, counted: 1}
		if a.Episode != "" { // it stands for all of its episode so far
			next.episode.ID, next.counted = a.Episode, a.Count
		}
		if n, again := at[a.Fingerprint]; again {
			all[n] = all[n].and(next)
			continue
		}
		at[a.Fingerprint] = len(all)
		all = append(all, next)
	}
	return all
}

// and is what the message shows of two alerts about one thing, next being the later.
func (m merged) and(next merged) merged {
	a := next.Alert
	if m.episode == next.episode { // its occurrences are in both counts
		counted := max(m.counted, next.counted)
		a.Count = m.Count + counted - m.counted
		next.counted = counted
	} else {
		a.Count += m.Count
	}
	if m.FirstSeen.Before(a.FirstSeen) {
		a.FirstSeen = m.FirstSeen
	}
	if m.LastSeen.After(a.LastSeen) {
		a.LastSeen = m.LastSeen
	}
	// What nobody has heard of yet is no mere summary.
	a.Closing = a.Closing && m.Closing
	a.Escalated = a.Escalated || m.Escalated
	a.Degraded = a.Degraded || m.Degraded
	return next
}

// addRepeats adds to each event what has repeated since it passed, and returns that for when it is told.
// A window that does not answer costs the count, not the message.
func (g *Grouper) addRepeats(ctx context.Context, inputs []input) []pipeline.Repeats {
	var events []*merged
	var episodes []pipeline.Episode
	for i := range inputs {
		for j := range inputs[i].events {
			e := &inputs[i].events[j]
			e.step = inputs[i].route.role != plain
			events, episodes = append(events, e), append(episodes, e.episode)
		}
	}
	if len(events) == 0 {
		return nil
	}
	untold, err := g.deps.Repeats.Untold(ctx, episodes)
	if err != nil {
		g.deps.Log.Warn("the window does not say what repeated; the message goes out without", "err", err)
		return nil
	}
	told := untold[:0:0]
	for i, r := range untold {
		if r.N == 0 {
			continue
		}
		e := events[i]
		if n := r.N + 1; n > e.counted { // with the occurrence that opened it
			e.Count += n - e.counted
			e.counted = n
		}
		if r.Last.After(e.LastSeen) {
			e.LastSeen = r.Last
		}
		if !e.step { // else the route that escalates has yet to tell
			told = append(told, r)
		}
	}
	return told
}
