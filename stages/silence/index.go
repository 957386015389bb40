package silence

import (
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// index finds the silences that apply to labels: a thousand cost what a few do. It does not change.
type index struct {
	entries []*entry
	places  *matcher.Index // of entries
}

type entry struct {
	silence  pipeline.Silence
	matchers labels.Matchers
}

// newIndex makes one of silences that are not over.
func newIndex(entries []*entry) *index {
	all := make([]labels.Matchers, len(entries))
	for i, e := range entries {
		all[i] = e.matchers
	}
	return &index{entries, matcher.NewIndex(all)}
}

// find returns the silences that apply to labels at now.
func (x *index) find(set map[string]string, now time.Time) (found []pipeline.Suppressed) {
	candidates := x.places.Find(set, make(matcher.Found, 0, 8))
	for i, ok := candidates.Next(); ok; i, ok = candidates.Next() {
		e := x.entries[i]
		s := &e.silence
		if now.Before(s.StartsAt) || !now.Before(s.EndsAt) || !matcher.Match(e.matchers, set) {
			continue
		}
		found = append(found, pipeline.Suppressed{Why: pipeline.BySilence, By: s.ID, Note: s.CreatedBy + ": " + s.Comment, Until: s.EndsAt})
	}
	return found
}
