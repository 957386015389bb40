package owner

import (
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/alertmanager/pkg/labels"
)

// index finds the entries that can hold by one label of theirs that has to have a certain value, so that a
// thousand owners cost what a few do.
type index struct {
	always  []int // entries without such a label
	names   []string
	byValue map[string]map[string][]int // label, value: entries
}

func newIndex(entries []entry) index {
	x := index{byValue: map[string]map[string][]int{}}
	crowd := map[[2]string]int{} // entries that could be filed under a label's value
	for i := range entries {
		for _, m := range entries[i].matchers {
			for _, value := range wanted(m) {
				crowd[[2]string{m.Name, value}]++
			}
		}
	}
	for i := range entries {
		// Under the label whose fullest value is the least full: as few others as can be are found beside it.
		best, least := (*labels.Matcher)(nil), 0
		for _, m := range entries[i].matchers {
			fullest := 0
			for _, value := range wanted(m) {
				fullest = max(fullest, crowd[[2]string{m.Name, value}])
			}
			if fullest > 0 && (best == nil || fullest < least) {
				best, least = m, fullest
			}
		}
		x.file(i, best)
	}
	return x
}

func (x *index) file(entry int, m *labels.Matcher) {
	if m == nil {
		x.always = append(x.always, entry)
		return
	}
	values := x.byValue[m.Name]
	if values == nil {
		values = map[string][]int{}
		x.byValue[m.Name] = values
		x.names = append(x.names, m.Name)
	}
	for _, value := range wanted(m) {
		values[value] = append(values[value], entry)
	}
}

// wanted are the values that a label has to have for a matcher to hold, a missing one the empty one; none when
// they cannot be listed.
func wanted(m *labels.Matcher) []string {
	switch m.Type {
	case labels.MatchEqual:
		return []string{m.Value}
	case labels.MatchRegexp:
		return alternatives(m.Value)
	default:
		return nil
	}
}

// alternatives are the texts that a regular expression of nothing but those matches: payments|billing.
func alternatives(pattern string) []string {
	texts := strings.Split(pattern, "|")
	if slices.ContainsFunc(texts, func(s string) bool { return regexp.QuoteMeta(s) != s }) {
		return nil
	}
	slices.Sort(texts)
	return slices.Compact(texts) // an entry is filed once under a value
}

// candidates are the entries that can hold, in their order.
func (x *index) candidates(set map[string]string) []int {
	found := x.always
	copied := false
	for _, name := range x.names {
		more := x.byValue[name][set[name]]
		if len(more) == 0 {
			continue
		}
		if !copied {
			found, copied = slices.Clone(found), true
		}
		found = append(found, more...)
	}
	if copied {
		slices.Sort(found)
	}
	return found
}
