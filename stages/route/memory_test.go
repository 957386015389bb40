package route

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

// What a group keeps is written as encoding/json does it, which reads it.
func TestMemoryIsJSON(t *testing.T) {
	at := time.Date(2026, 11, 27, 10, 0, 0, 123000, time.FixedZone("", 8*3600))
	for name, m := range map[string]memory{
		"nothing": {},
		"all": {
			Told: map[string]time.Time{"b": at, "a<&>": at}, Number: 7, Ready: at, Unsure: true, Recent: recent{0, 1, 2, 0xff},
			Held: []account{{Name: "x", Labels: map[string]string{"a": "b"}, Held: pipeline.Held{Why: pipeline.BySilence, Alerts: 3}}},
		},
	} {
		var want strings.Builder
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(&m); err != nil {
			t.Fatal(err)
		}
		got, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.TrimSuffix(want.String(), "\n"), string(got)); diff != "" {
			t.Errorf("%s (-encoding/json +encode):\n%s", name, diff)
		}
	}
}
