package matcher

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/prometheus/alertmanager/pkg/labels"
)

// Keys compiles what a configuration has under the keys matchers, match and match_re, the latter two being
// Alertmanager's older spelling; prefix is before the names of the keys, as source_ is. Of the first one that is no
// matcher it returns the place: ".source_matchers[0]", ".match_re.name".
func Keys(prefix string, matchers []string, match, matchRE map[string]string) (all labels.Matchers, at string, err error) {
	for i, text := range matchers {
		ms, err := Parse(text)
		if err != nil {
			return nil, "." + prefix + "matchers[" + strconv.Itoa(i) + "]", err
		}
		all = append(all, ms...)
	}
	for _, older := range []struct {
		key string
		op  labels.MatchType
		set map[string]string
	}{{"match", labels.MatchEqual, match}, {"match_re", labels.MatchRegexp, matchRE}} {
		for _, name := range slices.Sorted(maps.Keys(older.set)) {
			m, err := labels.NewMatcher(older.op, name, older.set[name])
			if err != nil {
				return nil, "." + prefix + older.key + "." + name, fmt.Errorf("no regular expression: %w", err)
			}
			all = append(all, m)
		}
	}
	return all, "", nil
}
