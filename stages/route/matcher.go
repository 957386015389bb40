package route

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// matchers returns the node's matchers, or the place of the first one that is none.
func (c *Config) matchers() (labels.Matchers, string, error) {
	var all labels.Matchers
	for i, text := range c.Matchers {
		ms, err := matcher.Parse(text)
		if err != nil {
			return nil, ".matchers[" + strconv.Itoa(i) + "]", err
		}
		all = append(all, ms...)
	}
	older := []struct {
		key string
		op  labels.MatchType
		set map[string]string
	}{{".match", labels.MatchEqual, c.Match}, {".match_re", labels.MatchRegexp, c.MatchRE}}
	for _, o := range older {
		for _, name := range slices.Sorted(maps.Keys(o.set)) {
			m, err := labels.NewMatcher(o.op, name, o.set[name])
			if err != nil {
				return nil, o.key + "." + name, fmt.Errorf("no regular expression: %w", err)
			}
			all = append(all, m)
		}
	}
	return all, "", nil
}
