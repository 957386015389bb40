package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for something that a healthy machine does in well under a second.
const patience = 90 * time.Second

// process is a running tocsin.
type process struct {
	cmd    *exec.Cmd
	stdout *lines
	stderr *lines
	base   string // its HTTP address
	done   chan error
}

// lines collects output while a process writes it.
type lines struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// freeAddr returns a loopback address nobody listens on. Another process could take it before it is
// used; the kernel hands out ports in turn, so that is rare.
func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start runs tocsin with a configuration text in dir and waits until it is ready. {http} in the text
// is replaced by a free address.
func start(t testing.TB, dir, role, config string) *process {
	t.Helper()
	addr := freeAddr(t)
	file := filepath.Join(dir, role+".yaml")
	text := strings.ReplaceAll(config, "{http}", addr)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, role, "--config", file)
	p.base = "http://" + addr
	p.waitReady(t)
	return p
}

// launch runs tocsin with args. It is killed when the test ends.
func launch(t testing.TB, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(binary, args...), stdout: &lines{}, stderr: &lines{}, done: make(chan error, 1)}
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		p.done <- p.cmd.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Signal(syscall.SIGKILL) // an error means that it is gone already
		<-exited
		if t.Failed() {
			t.Logf("tocsin %s wrote to stderr:\n%s", strings.Join(args, " "), p.stderr)
		}
	})
	return p
}

func (p *process) waitReady(t testing.TB) {
	t.Helper()
	eventually(t, "tocsin is ready", func() error {
		select {
		case err := <-p.done:
			p.done <- err
			t.Fatalf("tocsin ended while starting: %v\n%s", err, p.stderr)
		default:
		}
		status, body, err := get(p.base + "/-/ready")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d %s", status, body)
		}
		return err
	})
}

// kill is kill -9.
func (p *process) kill(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.done
}

// stop is what a service manager does, and expects a clean end.
func (p *process) stop(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.done:
		if err != nil {
			t.Errorf("tocsin ended with %v after SIGTERM, want a clean end\n%s", err, p.stderr)
		}
	case <-time.After(patience):
		t.Fatalf("tocsin does not stop after SIGTERM\n%s", p.stderr)
	}
}

// metric returns a metric's value, summed over its label sets that contain every one of labels.
func (p *process) metric(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	_, body, err := get(p.base + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
next:
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		end := strings.LastIndexByte(line, ' ') // a label's value may hold blanks too
		series, value := line[:max(end, 0)], line[end+1:]
		metric, _, _ := strings.Cut(series, "{")
		if metric != name {
			continue
		}
		for _, l := range labels {
			if !strings.Contains(series, l) {
				continue next
			}
		}
		var v float64
		if _, err := fmt.Sscan(value, &v); err != nil {
			t.Fatalf("metric line %q: %v", line, err)
		}
		sum += v
	}
	return sum
}

func get(url string) (int, string, error) {
	resp, err := http.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

// eventually tries check until it returns nil, and fails the test with its last error after patience.
func eventually(t testing.TB, what string, check func() error) {
	t.Helper()
	eventuallyWithin(t, patience, what, check)
}

func eventuallyWithin(t testing.TB, patience time.Duration, what string, check func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	t.Fatalf("waited %v until %s: %v", patience, what, err)
}
