package matcher

import (
	"strings"
	"sync"

	"github.com/prometheus/alertmanager/pkg/labels"
)

// maxMemo bounds the values whose entries are remembered. Fewer would forget the usual ones; more would keep values
// that never come again, such as names of pods.
const maxMemo = 1024

// maxMemoValue bounds each of them: whoever posts alerts chooses their length. Longer ones are matched each time.
const maxMemoValue = 1024

// memo files entries under a regular expression that neither lists its values nor begins with any text, and
// remembers which of them hold for a value. It is safe for concurrent use.
type memo struct {
	entries  []int32
	matchers []*labels.Matcher // of entries

	mu    sync.RWMutex
	known map[string][]int32 // by value
}

func (m *memo) file(entry int32, by *labels.Matcher) {
	m.entries, m.matchers = append(m.entries, entry), append(m.matchers, by)
}

// find returns the entries that hold for a value.
func (m *memo) find(value string) []int32 {
	m.mu.RLock()
	found, ok := m.known[value]
	m.mu.RUnlock()
	if ok {
		return found
	}
	for i, by := range m.matchers {
		if by.Matches(value) {
			found = append(found, m.entries[i])
		}
	}
	if len(value) > maxMemoValue {
		return found
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.known) >= maxMemo || m.known == nil {
		m.known = make(map[string][]int32)
	}
	m.known[strings.Clone(value)] = found // it may be part of all that was posted
	return found
}
