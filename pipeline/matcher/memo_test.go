package matcher

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/alertmanager/pkg/labels"
)

// What is remembered is bounded in values and in the length of each, and is never wrong for it.
func TestMemoIsBounded(t *testing.T) {
	by, err := labels.NewMatcher(labels.MatchRegexp, "a", ".*x")
	if err != nil {
		t.Fatal(err)
	}
	var m memo
	m.file(7, by)
	for i := range 3 * maxMemo {
		for _, value := range []string{fmt.Sprintf("%dx", i), fmt.Sprintf("%dy", i), strings.Repeat("z", maxMemoValue) + fmt.Sprintf("%dx", i)} {
			if found := m.find(value); (len(found) == 1) != by.Matches(value) {
				t.Fatalf("%.20s…: found %v", value, found)
			}
		}
	}
	if len(m.known) == 0 || len(m.known) > maxMemo {
		t.Errorf("%d values are remembered, want at most %d", len(m.known), maxMemo)
	}
	for value := range m.known {
		if len(value) > maxMemoValue {
			t.Fatalf("a value of %d bytes is remembered", len(value))
		}
	}
}
