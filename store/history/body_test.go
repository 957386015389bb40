package history

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// A step is written as encoding/json writes it.
func TestAppendStep(t *testing.T) {
	for name, s := range map[string]pipeline.Step{
		"nothing": {},
		"all": {
			At: time.Unix(1, 2).UTC(), Fingerprint: 0xab, Stage: "deliver", Verdict: "sent", Detail: "<ok> \"上海\"", Receiver: "r", Integration: "r.i",
			GroupKey: "{}:{a=\"b\"}", Notification: "n", Attempt: 3,
		},
	} {
		want := bytes.NewBufferString("before")
		enc := json.NewEncoder(want)
		enc.SetEscapeHTML(false)
		must(t, enc.Encode(&s))
		got, err := appendStep([]byte("before"), &s)
		if err != nil || string(got)+"\n" != want.String() {
			t.Errorf("%s: %s, %v, want %s", name, got, err, want)
		}
	}
}
