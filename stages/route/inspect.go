package route

import (
	"context"
	"fmt"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Inspect says of each alert where it goes as the configuration stands, what keeps it back at now, and when its
// groups are due. Nothing changes.
func (g *Grouper) Inspect(ctx context.Context, now time.Time, alerts []pipeline.Live) ([]pipeline.Routed, error) {
	s := g.setup.Load()
	asked := map[string]bool{}
	all := make([]pipeline.Routed, len(alerts))
	var keys []string
	for i := range alerts {
		labels := alerts[i].Labels
		for _, key := range s.Inhibit.Keys(labels) {
			asked[key] = true
		}
		all[i].Groups = s.Where(labels, now)
		for _, in := range all[i].Groups {
			keys = append(keys, in.Key)
		}
	}
	sources, err := g.sourcesOf(ctx, asked, now)
	if err != nil {
		return nil, err
	}
	due, err := g.deps.Groups.Due(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("ask when groups are due: %w", err)
	}
	for i := range alerts {
		a := &alerts[i]
		by := g.deps.Silences.Silenced(a.Labels, now)
		by = append(by, s.Inhibit.Inhibited(a.Labels, a.Fingerprint, sources, now)...)
		if ack, acked := g.deps.Silences.Acked(a.Fingerprint, now); acked {
			by = append(by, ack)
		}
		all[i].Suppressed = by
		for j := range all[i].Groups {
			all[i].Groups[j].Due = due[all[i].Groups[j].Key]
		}
	}
	return all, nil
}

// Where are the places of an alert with these labels, one for each route that takes it, in the order of Tree.Match.
func (s *Setup) Where(labels map[string]string, now time.Time) (all []pipeline.InGroup) {
	for _, r := range s.Tree.Match(labels) {
		group := r.groupLabels(labels)
		all = append(all, pipeline.InGroup{
			Key: r.groupKey(group), Path: r.Path, Receiver: r.Receiver, Labels: group, RouteLabels: r.Labels,
			Wait:     pipeline.Duration(max(r.GroupWait, s.Inhibit.Wait(labels))),
			Interval: pipeline.Duration(r.GroupInterval), Repeat: pipeline.Duration(r.RepeatInterval),
			Muted: s.muted(r, now),
		})
	}
	return all
}
