package bus

import (
	"regexp"
	"strings"
	"testing"
)

func TestToken(t *testing.T) {
	for topic, want := range map[string]string{
		"alerts":          "alerts",
		"notify.wecom-1a": "notify=2Ewecom-1a",
		"a=2E":            "a=3D2E",
		"值":               "=E5=80=BC",
	} {
		if got := token(topic); got != want {
			t.Errorf("token(%q) = %q, want %q", topic, got, want)
		}
	}
}

// Two topics in one stream would mix two receivers' messages.
func FuzzToken(f *testing.F) {
	f.Add("notify.a", "notify=2Ea")
	f.Add(strings.Repeat("x", 300), strings.Repeat("x", 301))
	f.Add(strings.Repeat("x", 80)+"==0000", strings.Repeat("x", 300))
	f.Add("", " ")
	safe := regexp.MustCompile(`^[A-Za-z0-9_=-]*$`)
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := token(a), token(b)
		if a != b && x == y {
			t.Errorf("token(%q) = token(%q) = %q", a, b, x)
		}
		if !safe.MatchString(x) || len(x) > maxToken {
			t.Errorf("token(%q) = %q: want at most %d safe characters", a, x, maxToken)
		}
	})
}
