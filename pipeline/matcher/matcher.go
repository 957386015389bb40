// Package matcher reads and compiles Alertmanager's matchers, wherever people write them: routes, owners,
// inhibition rules, silences, filters of the API. It is the one place that knows their syntaxes.
package matcher

import (
	"fmt"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Compile makes matchers of their parts.
func Compile(ms []pipeline.Matcher) (labels.Matchers, error) {
	all := make(labels.Matchers, 0, len(ms))
	for _, m := range ms {
		c, err := labels.NewMatcher(typeOf(m), m.Name, m.Value)
		if err != nil {
			return nil, fmt.Errorf("matcher of %q: %w", m.Name, err)
		}
		all = append(all, c)
	}
	return all, nil
}

func typeOf(m pipeline.Matcher) labels.MatchType {
	switch {
	case m.IsRegex && m.IsEqual:
		return labels.MatchRegexp
	case m.IsRegex:
		return labels.MatchNotRegexp
	case m.IsEqual:
		return labels.MatchEqual
	default:
		return labels.MatchNotEqual
	}
}

// Split gives the parts of compiled matchers.
func Split(ms labels.Matchers) []pipeline.Matcher {
	all := make([]pipeline.Matcher, len(ms))
	for i, m := range ms {
		all[i] = pipeline.Matcher{
			Name: m.Name, Value: m.Value,
			IsRegex: m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp,
			IsEqual: m.Type == labels.MatchEqual || m.Type == labels.MatchRegexp,
		}
	}
	return all
}

// Match reports whether all matchers hold; a missing label is an empty one.
func Match(ms labels.Matchers, set map[string]string) bool {
	for _, m := range ms {
		if !m.Matches(set[m.Name]) {
			return false
		}
	}
	return true
}
