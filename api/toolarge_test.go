package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// narrow is a bus that takes nothing that has huge in it.
type narrow struct{ taken []string }

func (n *narrow) PublishAlerts(_ context.Context, alerts []pipeline.Alert) error {
	var names []string
	for _, a := range alerts {
		names = append(names, a.Rule)
	}
	return n.publish(names)
}

func (n *narrow) PublishEventsAs(_ context.Context, _ string, ids []string, events []json.RawMessage) error {
	if ids != nil && len(ids) != len(events) {
		return errors.New("ids and events are not of one length")
	}
	var texts []string
	for _, e := range events {
		texts = append(texts, string(e))
	}
	return n.publish(texts)
}

func (n *narrow) publish(what []string) error {
	for i, text := range what {
		if strings.Contains(text, "huge") {
			return &pipeline.TooLarge{Index: i, Size: 100, Most: 10, Err: errors.New("too large for the bus")}
		}
	}
	n.taken = append(n.taken, what...)
	return nil
}

// What does not fit on the bus never will: 503 would make a client post it for ever.
func TestWhatTheBusNeverTakesIsRefusedForGood(t *testing.T) {
	const huge = `{"rule":"huge"}`
	falco := func(rule string) string {
		return `{"rule":"` + rule + `","priority":"Error","time":"2026-11-23T10:02:03Z"}`
	}
	lines := `{"rule":"a"}` + "\n" + huge + "\n" + `{"rule":"b"}` + "\n"
	for name, c := range map[string]struct {
		path, contentType, body string
		status                  int
		taken                   int
		says                    string
	}{
		"a line":               {"/api/v1/events", ndjson, lines, 413, 1, `"line 2: too large for the bus: 100 bytes, at most 10 fit","errors":[{"line":2`},
		"one that is skipped":  {"/api/v1/events?on_error=skip", ndjson, lines + huge, 202, 2, `"accepted":2`},
		"one of an array":      {"/api/v1/events", "application/json", "[" + `{"rule":"a"},` + huge + "]", 413, 0, "event 2: too large"},
		"one in a cloud event": {"/api/v1/cloudevents", "application/cloudevents+json", `{"specversion":"1.0","id":"huge","source":"s","type":"t"}`, 413, 0, "nothing was taken"},
		"Falco's":              {"/api/v1/falco", "application/json", "[" + falco("a") + "," + falco("huge") + "]", 413, 0, "number 2: too large"},
		"Prometheus'": {"/api/v2/alerts", "application/json", `[{"labels":{"alertname":"huge"}},{"labels":{}},{"labels":{"alertname":"a"}},{"labels":{"alertname":"huge"}}]`,
			400, 1, "alert 4: too large"},
		"Alertmanager's": {"/api/v1/alertmanager", "application/json", `{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"huge"}},{"status":"firing","labels":{"alertname":"a"}}]}`,
			400, 1, "alert 1: too large"},
	} {
		for _, key := range []string{"", "k"} {
			bus := &narrow{}
			base := start(t, func(_ *Config, d *Deps) {
				d.Intake = bus
				d.V2.ResolveTimeout = func() time.Duration { return time.Minute }
			})
			req, err := http.NewRequest("POST", base+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", c.contentType)
			req.Header.Set("Idempotency-Key", key)
			status, answer := do(t, req)
			if status != c.status || !strings.Contains(answer, c.says) || len(bus.taken) != c.taken || slices.ContainsFunc(bus.taken, isHuge) {
				t.Errorf("%s: %d %s, %d taken, want %d, %q, %d", name, status, answer, len(bus.taken), c.status, c.says, c.taken)
			}
		}
	}
}

func isHuge(text string) bool { return strings.Contains(text, "huge") }

func do(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}
