package stdout

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/notifiers/notifiertest"
	"github.com/tocsin-security/tocsin/pipeline"
)

func newStream(t *testing.T, format string, w *bytes.Buffer) *Stream {
	t.Helper()
	s, err := New(Config{Format: format}, "oncall", w)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func alert() pipeline.Alert {
	return pipeline.Alert{
		ID: "a1", Time: time.Date(2025, 6, 1, 3, 4, 5, 0, time.Local), Rule: "Shadow file read", Priority: pipeline.Critical,
		Hostname: "node-1", Output: "shadow read <影子> 🔴",
		Labels: map[string]string{"container_id": "3f2a9c81d7e4", "container_name": "api"},
	}
}

func TestJSONLines(t *testing.T) {
	var out bytes.Buffer
	m := notifiertest.Message()
	m.Alerts = []pipeline.Alert{alert(), alert()}
	if err := newStream(t, "auto", &out).Notify(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("Notify wrote %d lines, want one per alert:\n%s", len(lines), out.String())
	}
	var got pipeline.Alert
	if err := json.Unmarshal([]byte(lines[1]), &got); err != nil {
		t.Fatalf("line %q: %v", lines[1], err)
	}
	want := alert()
	if got.Output != want.Output || got.Rule != want.Rule || got.Priority != want.Priority || strings.Contains(lines[1], `\u003c`) {
		t.Errorf("line = %s, want the alert unescaped", lines[1])
	}
}

func TestJSONIsThatOfTheChannels(t *testing.T) {
	for _, output := range []string{"", "<>&", `\u003c \\u003e "\u0026"`, "a\x01\n\t<", "终端\u2028>\xff", strings.Repeat(`\<`, 40)} {
		a := alert()
		a.Output = output
		var out bytes.Buffer
		m := notifiertest.Message()
		m.Alerts = []pipeline.Alert{a}
		if err := newStream(t, "json", &out).Notify(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		want, err := notifiers.EncodeJSON(a)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSuffix(out.String(), "\n"); got != string(want) {
			t.Errorf("line = %s\nwant   %s", got, want)
		}
	}
}

func TestAppendLine(t *testing.T) {
	repeated := alert()
	repeated.Count = 37
	known := alert()
	known.Place, known.Owner = &pipeline.Place{Country: "CN", City: "Shang\x1bhai"}, &pipeline.Owner{Team: "payments"}
	escalated, closing := repeated, repeated
	escalated.Escalated, closing.Closing = true, true
	pod := alert()
	pod.Labels = map[string]string{"k8s_pod_name": "api-7c9", "k8s_ns_name": "payments", "container_id": "x"}
	host := alert()
	host.Labels, host.Priority = map[string]string{"container_id": "host"}, pipeline.Notice
	hostile := alert()
	hostile.Output = "a\x1b[2Jb\nc\u202ed\xffe\x9b1m"
	raw := alert()
	raw.Output = "a\x9b2J" // CSI of eight bits, and nothing else to replace
	for name, c := range map[string]struct {
		alert pipeline.Alert
		color bool
		want  string
	}{
		"a container":                  {alert(), false, "03:04:05 CRITICAL  Shadow file read node-1/api  shadow read <影子> 🔴"},
		"repeats that are many":        {escalated, false, "03:04:05 CRITICAL  Shadow file read ×37 escalating node-1/api  shadow read <影子> 🔴"},
		"a summary":                    {closing, false, "03:04:05 SUMMARY   Shadow file read ×37 node-1/api  shadow read <影子> 🔴"},
		"repeats":                      {repeated, false, "03:04:05 CRITICAL  Shadow file read ×37 node-1/api  shadow read <影子> 🔴"},
		"a pod":                        {pod, false, "03:04:05 CRITICAL  Shadow file read payments/api-7c9  shadow read <影子> 🔴"},
		"the host":                     {host, false, "03:04:05 NOTICE    Shadow file read node-1  shadow read <影子> 🔴"},
		"where and whose":              {known, false, "03:04:05 CRITICAL  Shadow file read node-1/api (CN Shang\\x1bhai, team payments)  shadow read <影子> 🔴"},
		"no control sequence survives": {hostile, false, `03:04:05 CRITICAL  Shadow file read node-1/api  a\x1b[2Jb\nc\u202ed` + "\uFFFDe\uFFFD1m"},
		"no raw C1 control survives":   {raw, false, "03:04:05 CRITICAL  Shadow file read node-1/api  a\uFFFD2J"},
		"colours":                      {alert(), true, "\x1b[2m03:04:05\x1b[0m \x1b[1;31mCRITICAL \x1b[0m \x1b[1;31mShadow file read\x1b[0m \x1b[2mnode-1/api\x1b[0m  shadow read <影子> 🔴"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, string(AppendLine(nil, c.alert, c.color))); diff != "" {
				t.Errorf("AppendLine (-want +got):\n%s", diff)
			}
		})
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestFailuresAreRetried(t *testing.T) {
	s, err := New(DefaultConfig(), "oncall", brokenPipe{})
	if err != nil {
		t.Fatal(err)
	}
	if e := notifiertest.Failure(t, s.Notify(t.Context(), notifiertest.Message()), nil); e.Class != pipeline.Retry {
		t.Errorf("Notify to a broken pipe = %v, want retry", e)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	if e := notifiertest.Failure(t, newStream(t, "text", &out).Notify(ctx, notifiertest.Message()), nil); e.Class != pipeline.Retry || out.Len() > 0 {
		t.Errorf("Notify after the end = %v and %q, want retry and nothing written", e, out.String())
	}
}

func TestValidate(t *testing.T) {
	if err := (Config{Format: "yaml"}).Validate(); err == nil {
		t.Error("Validate of an unknown format = nil")
	}
}
