package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A crash run of `make crash` is longer than that of `make test`: TOCSIN_CRASH_KILLS=200 is the acceptance.
const (
	killsEnv      = "TOCSIN_CRASH_KILLS"
	defaultKills  = 15
	alertsPerKill = 100
)

// aroundKill is how long after a kill what it interrupted is still under way: a bus waits some seconds for a process
// that is gone, and a busy machine takes its time to start the next.
const aroundKill = 15 * time.Second

// delivery is one time that an alert came to the counting sink.
type delivery struct {
	at     time.Time
	again  bool // its message said that it may be a repeat
	id     string
	number string // of the attempt
}

// countingSink is a webhook that knows of each alert when it came.
type countingSink struct {
	*httptest.Server
	mu   sync.Mutex // guards what follows
	came map[string][]delivery
}

func newCountingSink(t *testing.T) *countingSink {
	t.Helper()
	s := &countingSink{came: map[string][]delivery{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *countingSink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var post webhookPost
	if err := json.NewDecoder(r.Body).Decode(&post); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest) // cut off by a kill
		return
	}
	d := delivery{time.Now(), r.Header.Get("Tocsin-Again") == "true", r.Header.Get("Webhook-Id"), r.Header.Get("Tocsin-Delivery-Attempt")}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range post.Alerts {
		s.came[a.Labels["object"]] = append(s.came[a.Labels["object"]], d)
	}
}

// missing are the objects below n that have not come.
func (s *countingSink) missing(n int) (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range n {
		if object := crashObject(i); len(s.came[object]) == 0 {
			all = append(all, object)
		}
	}
	return all
}

// waitAll waits until none below n is missing; it gives up when none comes for long.
func (s *countingSink) waitAll(t *testing.T, n int) {
	t.Helper()
	progress, left := time.Now(), n+1
	for {
		missing := s.missing(n)
		if len(missing) == 0 {
			return
		}
		if len(missing) < left {
			progress, left = time.Now(), len(missing)
		}
		if time.Since(progress) > patience {
			t.Fatalf("%d of %d alerts that were taken never came, as %v", len(missing), n, missing[:min(5, len(missing))])
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// judge says what came twice although nothing died in between, or without saying so, and logs how much did.
func (s *countingSink) judge(t *testing.T, n int, kills []time.Time) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	twice, marked := 0, 0
	for object, all := range s.came {
		for i, d := range all {
			if d.again {
				marked++
			}
			if d.id == "" || d.number == "" {
				t.Errorf("%s came without a delivery id or number: %+v", object, d)
			}
			if i == 0 {
				continue
			}
			twice++
			if !d.again {
				t.Errorf("%s came again after %s and did not say so: %+v", object, d.at.Sub(all[0].at), all)
			}
			// What was under way comes from the bus and from its group, one right after the other.
			if !killedBetween(kills, all[i-1].at.Add(-aroundKill), d.at) {
				t.Errorf("%s came again although nothing was killed around that time: %+v", object, all)
			}
		}
	}
	t.Logf("%d kills, %d alerts, %d deliveries too many, %d marked", len(kills), n, twice, marked)
}

func killedBetween(kills []time.Time, from, to time.Time) bool {
	for _, k := range kills {
		if !k.Before(from) && !k.After(to) {
			return true
		}
	}
	return false
}

func crashObject(i int) string { return "/crash/" + strconv.Itoa(i) }

// crashAlert goes out at once or is gathered, in turn.
func crashAlert(i int) string {
	rule := [...]string{"At once", "Gathered"}[i%2]
	return fmt.Sprintf(`{"uuid":"crash-%d","rule":%q,"priority":"Warning","time":%q,"source":"syscall","output":"posted","output_fields":{"container.id":"3ad7b26ded6d","fd.name":%q}}`,
		i, rule, time.Now().UTC().Format(time.RFC3339Nano), crashObject(i))
}

// crashRun is a router that is killed or stopped, and started again on the same address and files.
type crashRun struct {
	dir, config, addr string
	sink              *countingSink
}

func newCrashRun(t *testing.T, data string) *crashRun {
	t.Helper()
	r := &crashRun{dir: newLayout(t, "[]\n").dir, addr: freeAddr(t), sink: newCountingSink(t)}
	if data == "" {
		data = filepath.Join(r.dir, "data")
	}
	r.config = filepath.Join(r.dir, "router.yaml")
	must(t, os.WriteFile(r.config, fmt.Appendf(nil, `data_dir: %s
sensor: {enabled: false}
rules: {files: [rules.yaml]}
whitelist: {files: [whitelist.yaml]}
http: {listen: %q}
route:
  receiver: sink
  group_by: ['...']
  group_wait: 0s
  group_interval: 5m
  routes: [{matchers: ['rule = "Gathered"'], group_by: [rule], group_wait: 100ms, group_interval: 200ms}]
receivers: [{name: sink, webhook_configs: [{url: %q}]}]
`, data, r.addr, r.sink.URL+"/hook"), 0o600))
	return r
}

func (r *crashRun) start(t *testing.T) *process {
	t.Helper()
	p := launch(t, "router", "--config", r.config)
	p.base = "http://" + r.addr
	p.waitReady(t)
	return p
}

// flow posts n alerts, few at a time, each until it is taken, and returns when all are. pace is the wait between
// posts.
func (r *crashRun) flow(ctx context.Context, n int, pace time.Duration) error {
	client := &http.Client{Timeout: 10 * time.Second}
	for i := 0; i < n; {
		size := min(1+rand.IntN(20), n-i)
		batch := make([]string, size)
		for k := range batch {
			batch[k] = crashAlert(i + k)
		}
		for !r.post(client, "["+strings.Join(batch, ",")+"]") {
			select {
			case <-ctx.Done():
				return fmt.Errorf("%d of %d alerts were taken", i, n)
			case <-time.After(20 * time.Millisecond):
			}
		}
		i += size
		time.Sleep(pace)
	}
	return nil
}

func (r *crashRun) post(client *http.Client, body string) (taken bool) {
	resp, err := client.Post("http://"+r.addr+"/api/v1/falco", "application/json", strings.NewReader(body))
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.StatusCode == http.StatusAccepted
}

// kill -9 at random moments while alerts flow, gathered or not: none is lost, and what comes twice does so over a
// kill and says it.
func TestCrash(t *testing.T) {
	kills := defaultKills
	if text := os.Getenv(killsEnv); text != "" {
		n, err := strconv.Atoi(text)
		must(t, err)
		kills = n
	}
	r := newCrashRun(t, "")
	n := kills * alertsPerKill
	flowed := make(chan error, 1)
	go func() { flowed <- r.flow(t.Context(), n, 15*time.Millisecond) }()
	var at []time.Time
	for range kills {
		p := r.start(t)
		time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond)
		p.kill(t)
		at = append(at, time.Now())
	}
	last := r.start(t)
	must(t, <-flowed)
	r.sink.waitAll(t, n)
	last.stop(t)
	r.sink.judge(t, n, at)
}

// A clean stop at random moments sends nothing twice, and nothing is marked.
func TestCleanRestartsSendNothingTwice(t *testing.T) {
	r := newCrashRun(t, "")
	const stops, n = 6, 600
	flowed := make(chan error, 1)
	go func() { flowed <- r.flow(t.Context(), n, 15*time.Millisecond) }()
	for range stops {
		p := r.start(t)
		time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
		p.stop(t)
	}
	last := r.start(t)
	must(t, <-flowed)
	r.sink.waitAll(t, n)
	last.stop(t)
	r.sink.judge(t, n, nil)
	for object, all := range r.sink.came {
		if all[0].again {
			t.Errorf("%s is marked as a repeat: %+v", object, all)
		}
	}
}

// On a full disk alerts are refused with 503; what was taken is told, and when there is room all goes on.
func TestDiskFull(t *testing.T) {
	needRoot(t)
	disk := t.TempDir()
	must(t, syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=48m"))
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })
	r := newCrashRun(t, filepath.Join(disk, "data"))
	p := r.start(t)
	client := &http.Client{Timeout: 20 * time.Second}
	const before = 20
	must(t, r.flow(t.Context(), before, 0))
	ballast := filepath.Join(disk, "ballast")
	fill(t, ballast)
	eventually(t, "a post is refused", func() error {
		large := strings.Replace(crashAlert(1_000_000), `"output":"posted"`, `"output":"`+noise(100_000)+`"`, 1)
		resp, err := client.Post(p.base+"/api/v1/falco", "application/json", strings.NewReader(large))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusServiceUnavailable {
			return fmt.Errorf("status %d", resp.StatusCode)
		}
		return nil
	})
	must(t, os.Remove(ballast))
	const n = 200
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	must(t, r.flow(ctx, n, 0))
	r.sink.waitAll(t, n)
	p.stop(t)
}

// noise is text that nothing makes shorter than its half.
func noise(n int) string {
	var b []byte
	for len(b) < n {
		b = fmt.Appendf(b, "%016x", rand.Uint64())
	}
	return string(b[:n])
}

// fill takes all the room that is left on a disk.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	must(t, err)
	defer f.Close()
	for _, size := range []int{1 << 20, 4 << 10, 1} {
		for block := make([]byte, size); err == nil; {
			_, err = f.Write(block)
		}
		err = nil
	}
}
