package deployment

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

var t0 = time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)

func TestParse(t *testing.T) {
	got, err := Parse([]byte(` [{"selector": {"k8s_ns_name": "shop", "k8s_pod_name": "web-*"}, "version": "v1.4.2", "commit": "9fa81b2",
		"by": "张伟", "at": "2026-07-01T17:30:00+08:00", "link": "https://ci.example/1"}, {"selector": {"hostname": "db-1"}, "version": "2"}] `), t0)
	if err != nil {
		t.Fatal(err)
	}
	want := []pipeline.Deployment{
		{Selector: map[string]string{"k8s_ns_name": "shop", "k8s_pod_name": "web-*"}, Version: "v1.4.2", Commit: "9fa81b2", By: "张伟",
			At: t0.Add(-30 * time.Minute), Link: "https://ci.example/1"},
		{Selector: map[string]string{"hostname": "db-1"}, Version: "2", At: t0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	good := `{"selector": {"a": "b"}, "version": "1"`
	for body, want := range map[string]string{
		``:                                       "the body is empty",
		`[]`:                                     "the array is empty",
		`{`:                                      "the body is not JSON",
		`[{]`:                                    "not JSON: invalid character ']' looking for beginning of object key string at byte 3",
		`3`:                                      "deployment 1: a deployment is a JSON object, not a number",
		`[` + good + `},{"version": "1"}]`:       "deployment 2: selector: at least one label",
		good + `} {}`:                            "post an array of deployments",
		`{"version": "1"}`:                       "selector: at least one label",
		`{"selector": {"a": "b"}}`:               "version: is required",
		`{"selector": {"a": 3}, "version": "1"}`: "selector: write an object of labels",
		`{"selector": "a=b", "version": "1"}`:    "selector: write an object of labels",
		`{"selector": {"a": "b"}, "version": 1.10}`:                                      "version: write text in quotes, not a number",
		`{"selector": {"a.b": "b"}, "version": "1"}`:                                     `selector: "a.b" is no name of a label`,
		`{"selector": {"a": "*"}, "version": "1"}`:                                       "selector.a: * alone",
		`{"selector": {"a": "b*c"}, "version": "1"}`:                                     "selector.a: a * stands at the end only",
		`{"selector": {"a": ""}, "version": "1"}`:                                        "selector.a: is required",
		`{"selector": {"a": "b\u0000"}, "version": "1"}`:                                 "selector.a: has characters that cannot be shown",
		`{"selector": {"1":"","2":"","3":"","4":"","5":"","6":"","7":"","8":"","9":""}}`: "selector: 9 labels, at most 8",
		good + `, "by": "` + strings.Repeat("x", 129) + `"}`:                             "by: 129 bytes, at most 128",
		good + `, "commit": "a\nb"}`:                                                     "commit: has characters",
		good + `, "at": "yesterday"}`:                                                    `at: "yesterday" is no time`,
		good + `, "at": "2026-07-01T10:02:00Z"}`:                                         "at: 2026-07-01T10:02:00Z is in the future",
		good + `, "at": "0001-01-01T00:00:00Z"}`:                                         "at: 0001-01-01T00:00:00Z is before",
		good + `, "link": "javascript:alert(1)"}`:                                        "link: \"javascript:alert(1)\" is no http or https address",
		good + `, "link": "https:///x"}`:                                                 "is no http or https address",
		good + `, "verison": "1"}`:                                                       `unknown key "verison": known are`,
	} {
		if got, err := Parse([]byte(body), t0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%s) = %v, %v, want an error with %q", body, got, err, want)
		}
	}
}

// Whatever is taken can be kept and read again as the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`[{"selector": {"a": "b"}, "version": "1", "at": "2026-07-01T09:00:00Z", "link": "http://x"}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := Parse(body, t0)
		if (err == nil) != (len(all) > 0) {
			t.Fatalf("Parse = %v, %v, want either", all, err)
		}
		for _, d := range all {
			text, err := json.Marshal(d)
			if err != nil || len(text) > pipeline.MaxDocumentBody || len(keyOf(d)) > pipeline.MaxDocumentKey {
				t.Fatalf("%+v cannot be kept: %v", d, err)
			}
			var again pipeline.Deployment
			if err := json.Unmarshal(text, &again); err != nil || keyOf(again) != keyOf(d) {
				t.Fatalf("%+v is kept as %+v, %v", d, again, err)
			}
		}
	})
}
