package window_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/window"
	"github.com/tocsin-security/tocsin/stages/window/windowtest"
)

var discard = slog.New(slog.DiscardHandler)

// server is a real redis-server of the test's own.
type server struct {
	t    *testing.T
	port string
	args []string
	cmd  *exec.Cmd
}

func startRedis(t *testing.T, args ...string) *server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("redis-server is missing: install Debian's redis-server")
		}
		t.Skip("redis-server is missing: install Debian's redis-server")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	s := &server{t: t, port: port, args: append([]string{
		"--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "", "--appendonly", "no",
	}, args...)}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *server) start() {
	s.t.Helper()
	s.cmd = exec.Command("redis-server", s.args...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, "redis listens", func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+s.port)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Error(err)
	}
}

func (s *server) stop() {
	s.signal(syscall.SIGKILL)
	_ = s.cmd.Wait() // it was killed, and says so
}

func (s *server) url() string { return "redis://127.0.0.1:" + s.port }

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func openRedis(t *testing.T, url string) *window.Redis {
	t.Helper()
	w, err := window.OpenRedis(t.Context(), url, discard)
	if err != nil {
		t.Fatalf("OpenRedis: %v", err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return w
}

func TestRedis(t *testing.T) {
	s := startRedis(t)
	w := openRedis(t, s.url())
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + s.port})
	defer c.Close()
	windowtest.Run(t, func(t *testing.T) window.Window {
		if err := c.FlushDB(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if w.Degraded() {
			t.Fatal("the window is degraded: the machine stalled for over 100 ms, or redis is gone")
		}
		return w
	})
}

// Two processes on one Redis count as one.
func TestRedisIsShared(t *testing.T) {
	s := startRedis(t)
	one, two, now := openRedis(t, s.url()), openRedis(t, s.url()), time.Now()
	h := func(id string) []pipeline.Hit {
		return []pipeline.Hit{{Key: "k", ID: id, At: now, For: time.Minute}}
	}
	if seen := observe(t, one, h("a")); !seen[0].First {
		t.Errorf("first occurrence: %+v, want First", seen)
	}
	if seen := observe(t, two, h("b")); seen[0].First {
		t.Errorf("repeat at the other process: %+v, want not First", seen)
	}
}

func TestRedisKeysAllExpire(t *testing.T) {
	s := startRedis(t)
	w := openRedis(t, s.url())
	observe(t, w, hits(3, "k", time.Now()))
	repeats := hits(2, "k", time.Now())
	repeats[0].ID = "repeat"
	observe(t, w, repeats)
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + s.port})
	defer c.Close()
	keys, err := c.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 3 {
		t.Fatalf("KEYS = %v, %v, want 3", keys, err)
	}
	for _, key := range keys {
		ttl, err := c.TTL(t.Context(), key).Result()
		if err != nil || ttl <= 0 || ttl > 25*time.Hour {
			t.Errorf("TTL %s = %s, %v: want one", key, ttl, err)
		}
		if !strings.HasPrefix(key, "tocsin:{k") {
			t.Errorf("key %s is not hash-tagged by what it is about", key)
		}
	}
}

func TestRedisForgetsItsScripts(t *testing.T) {
	s := startRedis(t)
	w := openRedis(t, s.url())
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + s.port})
	defer c.Close()
	if err := c.ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if seen := observe(t, w, hits(1, "k", time.Now())); !seen[0].First || seen[0].Degraded {
		t.Errorf("after SCRIPT FLUSH: %+v, want First and not Degraded", seen)
	}
}

func TestRedisGoneAndBack(t *testing.T) {
	for name, trouble := range map[string]struct{ begin, end func(*server) }{
		"killed":  {(*server).stop, (*server).start},
		"stopped": {func(s *server) { s.signal(syscall.SIGSTOP) }, func(s *server) { s.signal(syscall.SIGCONT) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := startRedis(t)
			reg := prometheus.NewRegistry()
			w, err := window.Open(t.Context(), s.url(), reg, discard)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			now := time.Now()
			observe(t, w, hits(1, "k", now))

			trouble.begin(s)
			again := hits(1, "k", now)
			again[0].ID = "during"
			if seen := observe(t, w, again); !seen[0].First || !seen[0].Degraded {
				t.Errorf("while redis is away: %+v, want First (in doubt deliver) and Degraded", seen)
			}
			again[0].ID = "during too"
			if seen := observe(t, w, again); seen[0].First {
				t.Errorf("while redis is away, again: %+v, want the local window to know it", seen)
			}
			wantGauge(t, reg, 1)

			trouble.end(s)
			eventually(t, "the window is no longer degraded", func() bool { return !w.Degraded() })
			wantGauge(t, reg, 0)
			if seen := observe(t, w, hits(1, "after", now)); !seen[0].First || seen[0].Degraded {
				t.Errorf("after redis is back: %+v, want First and not Degraded", seen)
			}
		})
	}
}

func wantGauge(t *testing.T, reg *prometheus.Registry, want int) {
	t.Helper()
	text := fmt.Sprintf(`# HELP tocsin_store_degraded 1 while the shared store does not answer and a local one stands in.
# TYPE tocsin_store_degraded gauge
tocsin_store_degraded %d
`, want)
	if err := testutil.GatherAndCompare(reg, strings.NewReader(text), "tocsin_store_degraded"); err != nil {
		t.Error(err)
	}
}

func TestRedisThatDoesNotLetUsIn(t *testing.T) {
	s := startRedis(t, "--requirepass", "s3cret")
	w := openRedis(t, "redis://:wrong@127.0.0.1:"+s.port)
	if seen := observe(t, w, hits(1, "k", time.Now())); !seen[0].First || !seen[0].Degraded {
		t.Errorf("with a wrong password: %+v, want First and Degraded", seen)
	}
	w = openRedis(t, "redis://:s3cret@127.0.0.1:"+s.port)
	if seen := observe(t, w, hits(1, "k", time.Now())); !seen[0].First || seen[0].Degraded {
		t.Errorf("with the right password: %+v, want First and not Degraded", seen)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, url := range map[string]string{
		"an unknown engine": "memcached://u:s3cret@host",
		"what is no URL":    "redis://u:s3cret@%zz",
		"a bad database":    "redis://u:s3cret@host/db",
	} {
		t.Run(name, func(t *testing.T) {
			w, err := window.Open(t.Context(), url, nil, discard)
			if err == nil {
				w.Close()
				t.Fatalf("Open(%q) succeeded", url)
			}
			if strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "store") {
				t.Errorf("Open(%q): %v: want it to name the store and not the password", url, err)
			}
		})
	}
}
