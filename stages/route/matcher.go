package route

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"

	"github.com/prometheus/alertmanager/matcher/compat"
	"github.com/prometheus/alertmanager/pkg/labels"
)

// parseMatchers reads both of Alertmanager's matcher syntaxes, as its default mode does: what only the
// classic one takes is classic, and where they differ the classic one wins. Its warnings about that go
// nowhere: the parser may not write to a logger of its own choosing.
var parseMatchers = compat.FallbackMatchersParser(slog.New(slog.DiscardHandler))

// matchers returns the node's matchers, or the place of the first one that is none.
func (c *Config) matchers() (labels.Matchers, string, error) {
	var all labels.Matchers
	for i, text := range c.Matchers {
		ms, err := parseMatchers(text, "route")
		if err != nil {
			return nil, ".matchers[" + strconv.Itoa(i) + "]",
				fmt.Errorf("%q is no matcher: %w; write name = value, with =, !=, =~ or !~, and the value in double quotes", text, err)
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

// matches reports whether all matchers hold; a missing label is an empty one.
func matches(ms labels.Matchers, set map[string]string) bool {
	for _, m := range ms {
		if !m.Matches(set[m.Name]) {
			return false
		}
	}
	return true
}
