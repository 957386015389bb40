package router_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/router"
	"github.com/tocsin-security/tocsin/stages/route"
)

// childEnv makes the test binary run the durable half instead of tests: "data folder|sink URL".
const childEnv = "TOCSIN_TEST_DURABLE_CHILD"

func TestMain(m *testing.M) {
	if job := os.Getenv(childEnv); job != "" {
		if err := child(job); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// waitingFile is what alerts are about that wait for seconds.
const waitingFile = "/waits"

// child runs the durable half until it is killed. Lines on stdin are alerts to publish; each is echoed
// on stdout once it is durable.
func child(job string) error {
	dir, sink, _ := strings.Cut(job, "|")
	deliver := func(ctx context.Context, n pipeline.Notification) error {
		body, err := json.Marshal(n)
		if err != nil {
			return err
		}
		resp, err := http.Post(sink, "application/json", strings.NewReader(string(body)))
		if err != nil {
			return &pipeline.DeliveryError{Err: err}
		}
		return resp.Body.Close()
	}
	d, err := open(options{
		dir: dir, deliver: map[string]deliverFunc{"sink": deliver}, quiet: time.Hour,
		retry: router.RetryConfig{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond},
		route: route.Config{
			// Half of the groups go out at once, half gather: both ways must survive.
			GroupBy: []string{"fd_name"}, GroupWait: duration(0), GroupInterval: duration(50 * time.Millisecond),
			Routes: []*route.Config{{Matchers: []string{`fd_name = "` + waitingFile + `"`}, GroupWait: duration(3 * time.Second)}, {Matchers: []string{`fd_name =~ ".*[02468]"`}, GroupBy: []string{"rule"}, GroupWait: duration(30 * time.Millisecond)}},
		},
	})
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var alerts []pipeline.Alert
		if err := json.Unmarshal(lines.Bytes(), &alerts); err != nil {
			return err
		}
		if err := d.PublishAlerts(context.Background(), alerts); err != nil {
			return err
		}
		fmt.Println(alerts[0].ID)
	}
	return d.stop()
}

// counter counts deliveries of each alert.
type counter struct {
	mu   sync.Mutex
	seen map[string]int // by alert id
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var n pipeline.Notification
	if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest) // cut off by a kill
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range n.Alerts {
		c.seen[a.ID]++
	}
}

func (c *counter) missing(ids []string) (missing []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		if c.seen[id] == 0 {
			missing = append(missing, id)
		}
	}
	return missing
}

// running is a child process.
type running struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	durable chan string // ids of batches
}

func startChild(t *testing.T, dir, sink string) *running {
	t.Helper()
	c := &running{cmd: exec.Command(os.Args[0]), durable: make(chan string, 1)}
	c.cmd.Env = append(os.Environ(), childEnv+"="+dir+"|"+sink)
	c.cmd.Stderr = os.Stderr
	in, err := c.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.in = in
	go func() {
		defer close(c.durable)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			c.durable <- lines.Text()
		}
	}()
	return c
}

func (c *running) kill(t *testing.T) {
	t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		t.Errorf("kill: %v", err)
	}
	for range c.durable { // until its output ends
	}
	_ = c.cmd.Wait() // it says that it was killed
}

// feedAndKill kills the durable half so many times, while batches flow in, and reports what was durable.
func feedAndKill(t *testing.T, dir, sink string, kills int, next func() []pipeline.Alert, durable func(pipeline.Alert)) {
	t.Helper()
	for range kills {
		c := startChild(t, dir, sink)
		die := time.After(time.Duration(100+rand.IntN(600)) * time.Millisecond)
	feeding:
		for {
			batch := next()
			line, err := json.Marshal(batch)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.in.Write(append(line, '\n')); err != nil {
				t.Fatalf("the child ended by itself: %v", err)
			}
			select {
			case _, ok := <-c.durable:
				if !ok {
					t.Fatal("the child ended by itself")
				}
				for _, a := range batch {
					durable(a)
				}
			case <-die:
				break feeding
			}
		}
		c.kill(t)
	}
}

// TestKill kills the durable half at random points, with kill -9, while alerts flow; what was durable
// must arrive.
func TestKill(t *testing.T) {
	kills := 8
	if testing.Short() {
		kills = 2
	}
	sink := &counter{seen: map[string]int{}}
	srv := httptest.NewServer(sink)
	defer srv.Close()
	dir := t.TempDir()
	var durable []string
	feedAndKill(t, dir, srv.URL, kills, func() []pipeline.Alert { return alertsOf(1 + rand.IntN(20)) },
		func(a pipeline.Alert) { durable = append(durable, a.ID) })
	c := startChild(t, dir, srv.URL)
	defer c.kill(t)
	deadline := time.Now().Add(30 * time.Second)
	for len(sink.missing(durable)) > 0 && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	if missing := sink.missing(durable); len(missing) > 0 {
		t.Errorf("%d of %d alerts that were durable never arrived, as %v", len(missing), len(durable), missing[:min(5, len(missing))])
	}
	sink.mu.Lock()
	defer sink.mu.Unlock()
	twice := 0
	for _, n := range sink.seen {
		if n > 1 {
			twice++
		}
	}
	t.Logf("%d kills, %d alerts durable, %d of them delivered more than once", kills, len(durable), twice)
}
