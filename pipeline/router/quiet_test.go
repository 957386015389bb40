package router_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/route"
)

// listener keeps, for each thing, the quiet times that it was told of, by the id of their first alert,
// and the ids of the alerts that told that it goes on.
type listener struct {
	mu        sync.Mutex
	first     map[pipeline.Fingerprint]map[string]bool
	escalated map[pipeline.Fingerprint]map[string]bool
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var n pipeline.Notification
	if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest) // cut off by a kill
		return
	}
	l.note(n)
}

func (l *listener) note(n pipeline.Notification) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range n.Alerts {
		if !a.Escalated {
			tell(l.first, a.Fingerprint, a.ID)
			continue
		}
		// It may be the only one heard: a first alert that waits in a group with its tenth is shown as that.
		tell(l.first, a.Fingerprint, a.Episode)
		tell(l.escalated, a.Fingerprint, a.ID)
	}
}

func tell(to map[pipeline.Fingerprint]map[string]bool, thing pipeline.Fingerprint, id string) {
	if to[thing] == nil {
		to[thing] = map[string]bool{}
	}
	to[thing][id] = true
}

// episodes are the quiet times that were begun, as far as was heard.
func (l *listener) episodes() (all []pipeline.Episode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for thing, ids := range l.first {
		for id := range ids {
			all = append(all, pipeline.Episode{Key: thing.String(), ID: id})
		}
	}
	return all
}

// Killed again and again, the durable half tells of each thing once in its quiet time, and at the powers of
// ten; and of all that was durable nothing is missing in its counts.
func TestKillTellsNothingTwice(t *testing.T) {
	kills := 8
	if testing.Short() {
		kills = 2
	}
	heard := &listener{first: map[pipeline.Fingerprint]map[string]bool{}, escalated: map[pipeline.Fingerprint]map[string]bool{}}
	srv := httptest.NewServer(heard)
	defer srv.Close()
	dir := t.TempDir()
	things, sent := map[pipeline.Fingerprint]uint64{}, map[pipeline.Fingerprint]uint64{}
	feedAndKill(t, dir, srv.URL, kills, func() []pipeline.Alert {
		batch := make([]pipeline.Alert, 1+rand.IntN(20))
		for i := range batch {
			batch[i] = newAlert(fmt.Sprintf("/etc/shadow-%d", rand.IntN(40)))
			sent[batch[i].Fingerprint]++
		}
		return batch
	}, func(a pipeline.Alert) { things[a.Fingerprint]++ })

	atOnce := route.Config{GroupWait: duration(0), GroupInterval: duration(50 * time.Millisecond)}
	d := start(t, options{dir: dir, quiet: time.Hour, route: atOnce, deliver: map[string]deliverFunc{"sink": func(_ context.Context, n pipeline.Notification) error {
		heard.note(n)
		return nil
	}}})
	counts := map[string]uint64{}
	missing := func() (missing int) {
		for _, of := range heard.episodes() {
			repeats, err := d.repeats.Untold(t.Context(), []pipeline.Episode{of})
			if err != nil {
				t.Fatal(err)
			}
			counts[of.Key] = repeats[0].N + 1
		}
		for thing, n := range things {
			if counts[thing.String()] < n {
				missing++
			}
		}
		return missing
	}
	for deadline := time.Now().Add(30 * time.Second); missing() > 0 && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	twice := uint64(0)
	heard.mu.Lock()
	defer heard.mu.Unlock()
	for thing, n := range things {
		if got := counts[thing.String()]; got < n {
			t.Errorf("%s was durable %d times and is counted %d times", thing, n, got)
		} else if got > sent[thing] {
			twice += got - sent[thing]
		}
		if ids := heard.first[thing]; len(ids) > 1 {
			t.Errorf("%s was told as new %d times in one quiet time: %v", thing, len(ids), ids)
		}
		if n := len(heard.escalated[thing]); n > 3 { // the 10th, the 100th, the 1000th
			t.Errorf("%s escalated %d times over %d occurrences", thing, n, counts[thing.String()])
		}
	}
	t.Logf("%d kills, %d things, %d occurrences counted twice", kills, len(things), twice)
}

// A thousand processes of one program that touch one file within the group's wait are one message.
func TestThousandProcessesAreOneMessage(t *testing.T) {
	told := sink(make(chan pipeline.Notification, 10))
	d := start(t, options{
		dir: t.TempDir(), quiet: time.Hour, deliver: map[string]deliverFunc{"sink": told.deliver},
		route: route.Config{GroupWait: duration(3 * time.Second), GroupInterval: duration(time.Minute)},
	})
	var alerts []pipeline.Alert
	for pid := range 1000 {
		a := newAlert("/etc/shadow")
		a.OutputFields["proc.pid"], a.OutputFields["thread.tid"] = 4000+pid, 4000+pid
		alerts = append(alerts, a)
	}
	if err := d.PublishAlerts(t.Context(), alerts); err != nil {
		t.Fatal(err)
	}
	n := told.next(t)
	if len(n.Alerts) != 1 || n.Alerts[0].Count != 1000 {
		t.Errorf("the message has %d alerts, the first ×%d, want one ×1000", len(n.Alerts), n.Alerts[0].Count)
	}
}

// What nobody was told of is summed up when the quiet time is over, to the receiver of the first.
func TestSummary(t *testing.T) {
	told := sink(make(chan pipeline.Notification, 10))
	d := start(t, options{
		dir: t.TempDir(), quiet: time.Second, deliver: map[string]deliverFunc{"sink": told.deliver},
		route: route.Config{GroupWait: duration(0), GroupInterval: duration(time.Second)},
	})
	first := newAlert("/etc/shadow")
	if err := d.PublishAlerts(t.Context(), []pipeline.Alert{first}); err != nil {
		t.Fatal(err)
	}
	if n := told.next(t); n.Alerts[0].ID != first.ID {
		t.Fatalf("first message: %+v", n)
	}
	var more []pipeline.Alert
	for range 4 {
		a := newAlert("/etc/shadow")
		a.Time = first.Time.Add(time.Millisecond)
		more = append(more, a)
	}
	if err := d.PublishAlerts(t.Context(), more); err != nil {
		t.Fatal(err)
	}
	n := told.next(t)
	if a := n.Alerts[0]; n.Reason != "summary" || !a.Closing || a.Count != 5 || a.Episode != first.ID || a.Output != first.Output ||
		!a.LastSeen.Equal(more[0].Time.Truncate(time.Microsecond)) {
		t.Errorf("second message: %s %+v, want a summary ×5 of the first", n.Reason, a)
	}
}
