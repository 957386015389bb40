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
}

// mergeAll merges the alerts of each group, in place.
func mergeAll(groups []pipeline.Pending) (all []merged) {
	for i := range groups {
		of := merge(complete(groups[i].Alerts))
		groups[i].Alerts = make([]pipeline.Alert, len(of))
		for j := range of {
			groups[i].Alerts[j] = *of[j].Alert
			of[j].Alert = &groups[i].Alerts[j]
		}
		all = append(all, of...)
	}
	return all
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

// addRepeats adds to each alert what has repeated since it passed, and returns that for when it is told.
// A window that does not answer costs the count, not the message.
func (g *Grouper) addRepeats(ctx context.Context, alerts []merged) []pipeline.Repeats {
	if len(alerts) == 0 {
		return nil
	}
	episodes := make([]pipeline.Episode, len(alerts))
	for i := range alerts {
		episodes[i] = alerts[i].episode
	}
	untold, err := g.repeats.Untold(ctx, episodes)
	if err != nil {
		g.log.Warn("the window does not say what repeated; the message goes out without", "err", err)
		return nil
	}
	told := untold[:0:0]
	for i, r := range untold {
		if r.N == 0 {
			continue
		}
		a := alerts[i]
		if n := r.N + 1; n > a.counted { // with the occurrence that opened it
			a.Count += n - a.counted
		}
		if r.Last.After(a.LastSeen) {
			a.LastSeen = r.Last
		}
		told = append(told, r)
	}
	return told
}
