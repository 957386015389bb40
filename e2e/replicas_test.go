package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

// ledger is a receiver of webhooks that counts how often it is told of each alert.
type ledger struct {
	*httptest.Server
	mu     sync.Mutex // guards what follows
	told   map[string]int
	marked map[string]int // of these, in messages that say that they may have been sent before
	posts  int
}

func newLedger(t *testing.T) *ledger {
	t.Helper()
	l := &ledger{told: map[string]int{}, marked: map[string]int{}}
	l.Server = httptest.NewServer(http.HandlerFunc(l.take))
	t.Cleanup(l.Close)
	return l
}

func (l *ledger) take(w http.ResponseWriter, r *http.Request) {
	var post struct {
		Again  bool `json:"again"`
		Alerts []struct {
			Status string            `json:"status"`
			Labels map[string]string `json:"labels"`
		} `json:"alerts"`
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &post)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.posts++
	for _, a := range post.Alerts {
		id := a.Labels["container_id"] + " " + a.Labels["rule"]
		if a.Status == "resolved" {
			id += " resolved"
		}
		l.told[id]++
		if post.Again {
			l.marked[id]++
		}
	}
}

// has requires that all of want have been told.
func (l *ledger) has(want []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var missing []string
	for _, id := range want {
		if l.told[id] == 0 {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("of %d alerts %d are missing, such as %s", len(want), len(missing), missing[0])
	}
	return nil
}

// of is how many alerts of a wave have been told.
func (l *ledger) of(wave string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.told {
		if strings.HasPrefix(id, wave) {
			n++
		}
	}
	return n
}

// twice is what was told more than once in messages that do not say so.
func (l *ledger) twice() (ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, n := range l.told {
		if n-l.marked[id] > 1 {
			ids = append(ids, fmt.Sprintf("%s ×%d, %d marked", id, n, l.marked[id]))
		}
	}
	return ids
}

// runNATS is a bus that routers share.
func runNATS(t *testing.T) (url string) {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
	})
	must(t, err)
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(patience) {
		t.Fatal("the NATS server is not ready")
	}
	return s.ClientURL()
}

// perGroup is how many events each group gets; one router is sent the first, the other the second.
const perGroup = 2

// postGroups posts to both routers events of n groups, and an alert that fires for each. It returns what is to be told.
func postGroups(t *testing.T, a, b *process, wave string, n int) (ids []string) {
	t.Helper()
	routers := []*process{a, b}
	for i, p := range routers[:perGroup] {
		var events []string
		var alerts []map[string]any
		for g := range n {
			container := fmt.Sprintf("%s-%03d", wave, g)
			rule := fmt.Sprintf("Posted %d", i)
			events = append(events, fmt.Sprintf(`{"rule":%q,"priority":"Warning","time":%q,"source":"syscall","output":"posted",
				"output_fields":{"container.id":%q,"proc.name":"cat","fd.name":"/x"}}`, rule, time.Now().UTC().Format(time.RFC3339Nano), container))
			ids = append(ids, container+" "+rule)
			if g%routersOf == i {
				alerts = append(alerts, map[string]any{"labels": map[string]string{"alertname": "Fires", "rule": "Fires", "container_id": container}})
				ids = append(ids, container+" Fires")
			}
		}
		post(t, p, events...)
		postFiring(t, p, alerts)
	}
	return ids
}

// postFiring posts alerts as Prometheus does.
func postFiring(t *testing.T, p *process, alerts []map[string]any) {
	t.Helper()
	body, err := json.Marshal(alerts)
	must(t, err)
	resp, err := http.Post(p.base+"/api/v2/alerts", "application/json", strings.NewReader(string(body)))
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("post of alerts that fire = %d", resp.StatusCode)
	}
}

const routersOf = 2

// startReplicas runs two routers on one Redis and one NATS, whose groups wait so long.
func startReplicas(t *testing.T, redis *redistest.Server, sink *ledger, wait string) (a, b *process) {
	t.Helper()
	bus := runNATS(t)
	run := func() *process {
		l := newLayout(t, shadowRules)
		config := l.config(wait, fmt.Sprintf("webhook_configs: [{url: %q}]", sink.URL), "sensor: {enabled: false}",
			"store: "+redis.URL()+"?timeout=20s", "bus: "+bus)
		return start(t, l.dir, "router", strings.Replace(config, "group_by: [rule, container_id]", "group_by: [container_id]", 1))
	}
	return run(), run()
}

// Routers that share a store and a bus share the work: each notification goes out once, whoever took its alerts; and
// what a router had that is killed goes out by the other.
func TestReplicasShareTheirGroups(t *testing.T) {
	redis, sink := redistest.Start(t), newLedger(t)
	a, b := startReplicas(t, redis, sink, "3s")
	ids := postGroups(t, a, b, "first", 60)
	eventually(t, "all is told", func() error { return sink.has(ids) })
	// The first of them was posted to one router; that it has ended is posted to the other.
	postFiring(t, b, []map[string]any{{
		"labels": map[string]string{"alertname": "Fires", "rule": "Fires", "container_id": "first-000"}, "endsAt": time.Now().UTC().Format(time.RFC3339Nano),
	}})
	eventually(t, "the end is told", func() error { return sink.has([]string{"first-000 Fires resolved"}) })
	time.Sleep(2 * time.Second) // what would be told twice would be by now
	if twice := sink.twice(); len(twice) > 0 {
		t.Errorf("told twice with no fault: %q", twice)
	}
	// Whoever looks first gets what is due then, which may be all: in the long run both have some.
	idle := func() bool {
		return a.metric(t, "tocsin_group_flushes_total") == 0 || b.metric(t, "tocsin_group_flushes_total") == 0
	}
	for wave := 0; idle() && wave < 10; wave++ {
		some := postGroups(t, a, b, fmt.Sprintf("wave%d", wave), 60)
		eventually(t, "the wave is told", func() error { return sink.has(some) })
	}
	if idle() {
		t.Error("one of two routers has flushed nothing in all these waves")
	}

	more := postGroups(t, a, b, "second", 60)
	taken(t, redis, sink, "second", len(more))
	a.kill(t)
	killed := time.Now()
	eventually(t, "all is told by the router that is left", func() error { return sink.has(more) })
	t.Logf("all was told %v after the kill, with 3 s of group_wait", time.Since(killed).Round(time.Millisecond))
	time.Sleep(2 * time.Second)
	if twice := sink.twice(); len(twice) > 0 {
		t.Errorf("told twice, and not marked: %q", twice)
	}
}

// taken waits until all alerts of a wave wait in the groups of the store, or have been told already.
func taken(t *testing.T, redis *redistest.Server, sink *ledger, wave string, n int) {
	t.Helper()
	client := redis.Client()
	eventually(t, "the alerts are in the store", func() error {
		have := sink.of(wave)
		keys, err := client.Keys(t.Context(), "tocsin:{groups*}:inbox:*").Result()
		if err != nil {
			return err
		}
		for _, key := range keys {
			rows, err := client.LRange(t.Context(), key, 0, -1).Result()
			if err != nil {
				return err
			}
			for _, row := range rows {
				var alerts []struct{ Labels map[string]string }
				if err := json.Unmarshal([]byte(row), &alerts); err != nil {
					return err
				}
				for _, a := range alerts {
					if strings.HasPrefix(a.Labels["container_id"], wave) {
						have++
					}
				}
			}
		}
		if have < n {
			return fmt.Errorf("%d of %d are there", have, n)
		}
		return nil
	})
}

// A router that is killed in the middle of its work loses nothing: the other has its groups after their lease, and what
// it had taken off the bus. What may have been told before says so.
func TestAReplicaKilledAtWork(t *testing.T) {
	sink := newLedger(t)
	a, b := startReplicas(t, redistest.Start(t), sink, "0s")
	var ids []string
	for wave := range 20 {
		if wave < 12 {
			ids = append(ids, postGroups(t, a, b, fmt.Sprint("wave", wave), 25)...)
		} else {
			ids = append(ids, postGroups(t, b, b, fmt.Sprint("wave", wave), 25)...)
		}
		if wave == 11 {
			a.kill(t)
		}
	}
	killed := time.Now()
	for deadline := killed.Add(3 * patience); ; time.Sleep(50 * time.Millisecond) {
		err := sink.has(ids)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	t.Logf("all was told %v after the kill", time.Since(killed).Round(time.Millisecond))
	time.Sleep(2 * time.Second)
	if twice := sink.twice(); len(twice) > 0 {
		t.Errorf("told twice, and not marked: %q", twice)
	}
}
