package silence

import (
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// index finds the silences that apply to labels. Most name a value of some label (matchers with =, and expressions
// that are lists of words): a silence is found by one of those, and asked about all of its matchers only then. It
// does not change.
type index struct {
	byLabel []labelIndex
	rest    []*entry // those that name no value of any label
}

// labelIndex is the silences that are found by the values of one label.
type labelIndex struct {
	name   string
	values map[string][]*entry
}

type entry struct {
	silence  pipeline.Silence
	matchers labels.Matchers
}

// place is a value of a label.
type place struct{ name, value string }

// newIndex makes one of silences that are not over. Each is put where the fewest others are.
func newIndex(entries []*entry) *index {
	crowd := map[place]int{}
	ways := make([][][]place, len(entries)) // of each silence: its matchers that name values
	for i, e := range entries {
		for _, m := range e.silence.Matchers {
			if places := placesOf(m); places != nil {
				ways[i] = append(ways[i], places)
				for _, p := range places {
					crowd[p]++
				}
			}
		}
	}
	x, at := &index{}, map[string]int{}
	for i, e := range entries {
		best := fewest(ways[i], crowd)
		if best == nil {
			x.rest = append(x.rest, e)
			continue
		}
		for _, p := range best {
			n, ok := at[p.name]
			if !ok {
				n, at[p.name] = len(x.byLabel), len(x.byLabel)
				x.byLabel = append(x.byLabel, labelIndex{p.name, map[string][]*entry{}})
			}
			x.byLabel[n].values[p.value] = append(x.byLabel[n].values[p.value], e)
		}
	}
	return x
}

// placesOf are the values that a matcher asks for; nil where it does not name them.
func placesOf(m pipeline.Matcher) []place {
	if !m.IsEqual {
		return nil
	}
	values := []string{m.Value}
	if m.IsRegex {
		values = literals(m.Value)
	}
	var places []place
	seen := map[string]bool{}
	for _, v := range values {
		if !seen[v] { // else the silence would be found twice
			seen[v] = true
			places = append(places, place{m.Name, v})
		}
	}
	return places
}

func fewest(ways [][]place, crowd map[place]int) (best []place) {
	least := 0
	for _, way := range ways {
		n := 0
		for _, p := range way {
			n += crowd[p]
		}
		if best == nil || n < least {
			best, least = way, n
		}
	}
	return best
}

// find returns the silences that apply to labels at now.
func (x *index) find(set map[string]string, now time.Time) (found []pipeline.Suppressed) {
	ask := func(entries []*entry) {
		for _, e := range entries {
			s := &e.silence
			if now.Before(s.StartsAt) || !now.Before(s.EndsAt) || !matcher.Match(e.matchers, set) {
				continue
			}
			found = append(found, pipeline.Suppressed{Why: pipeline.BySilence, By: s.ID, Note: s.CreatedBy + ": " + s.Comment, Until: s.EndsAt})
		}
	}
	for i := range x.byLabel {
		l := &x.byLabel[i]
		ask(l.values[set[l.name]])
	}
	ask(x.rest)
	return found
}
