package router_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// messages keeps what was delivered.
type messages struct {
	mu  sync.Mutex
	all []pipeline.Notification
}

func (m *messages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var n pipeline.Notification
	if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest) // cut off by a kill
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = append(m.all, n)
}

func (m *messages) received() []pipeline.Notification {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]pipeline.Notification(nil), m.all...)
}

// feed hands one alert to a child, and returns once it is durable.
func (c *running) feed(t *testing.T, a pipeline.Alert) {
	t.Helper()
	line, err := json.Marshal([]pipeline.Alert{a})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.in.Write(append(line, '\n')); err != nil {
		t.Fatalf("the child ended by itself: %v", err)
	}
	if _, ok := <-c.durable; !ok {
		t.Fatal("the child ended by itself")
	}
}

// What completes an alert reaches the alert's message, though the durable half is killed before or after it came.
func TestACompletionOutlivesAKill(t *testing.T) {
	for name, killFirst := range map[string]bool{"killed after the alert": true, "killed after its completion": false} {
		t.Run(name, func(t *testing.T) {
			sink := &messages{}
			srv := httptest.NewServer(sink)
			defer srv.Close()
			partial := alertsOf(1)[0]
			partial.Labels = maps.Clone(partial.Labels)
			partial.Labels["fd_name"], partial.Enrichment = waitingFile, pipeline.Partial
			whole := partial
			whole.Labels = maps.Clone(partial.Labels)
			whole.Labels["container_name"], whole.Enrichment = "web", ""
			whole.Completes = &pipeline.Completes{Labels: partial.Labels}

			dir := t.TempDir()
			c := startChild(t, dir, srv.URL)
			c.feed(t, partial)
			if killFirst {
				c.kill(t)
				c = startChild(t, dir, srv.URL)
			}
			c.feed(t, whole)
			if !killFirst {
				c.kill(t)
				c = startChild(t, dir, srv.URL)
			}
			defer c.kill(t)
			c.feed(t, whole) // delivered again
			for deadline := time.Now().Add(30 * time.Second); len(sink.received()) == 0 && time.Now().Before(deadline); {
				time.Sleep(20 * time.Millisecond)
			}
			c.feed(t, whole) // told already
			time.Sleep(time.Second)
			got := sink.received()
			if len(got) != 1 || len(got[0].Alerts) != 1 {
				t.Fatalf("messages = %+v, want one with one alert", got)
			}
			a := got[0].Alerts[0]
			if a.ID != partial.ID || a.Labels["container_name"] != "web" || a.Enrichment != "" || a.Completes != nil || a.Count != 1 {
				t.Errorf("the alert is %+v, want it whole, and one occurrence", a)
			}
		})
	}
}
