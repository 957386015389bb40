package sensor

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

// actEnv names the act that this test binary performs, and then ends, instead of testing.
const actEnv = "TOCSIN_SENSOR_ACT"

func TestMain(m *testing.M) {
	name := os.Getenv(actEnv)
	if name == "" {
		os.Exit(m.Run())
	}
	// One thread from here on: what unshare and setuid change belongs to a thread.
	runtime.LockOSThread()
	if err := acts[name](); err != nil {
		fmt.Fprintf(os.Stderr, "act %s: %v\n", name, err)
		os.Exit(100)
	}
	os.Exit(0)
}

// acts are what the helper process can do; tests add theirs here by their own file's map.
var acts = merge(syscallActs, callActs, newCallActs, socketActs, passedActs, uringActs, uringLossActs, processActs, archActs)

func merge(maps ...map[string]func() error) map[string]func() error {
	all := make(map[string]func() error)
	for _, m := range maps {
		for name, act := range m {
			if all[name] != nil {
				panic("two acts are called " + name)
			}
			all[name] = act
		}
	}
	return all
}

// live is an attached sensor and what it has reported so far.
type live struct {
	*Sensor
	t testing.TB

	mu      sync.Mutex
	arrived sync.Cond
	samples []sample
}

// sample is a record as it came. Every process of the machine is reported, and taking all of them
// apart would be slower than a busy machine makes them.
type sample struct {
	time uint64 // CLOCK_BOOTTIME, ns
	pid  uint32
	kind uint16
	raw  []byte
}

// needKernel skips without the rights to load programs, and fails instead where CI promises them.
func needKernel(t testing.TB) {
	t.Helper()
	if err := Check(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// watch attaches a sensor for the length of a test.
func watch(t testing.TB, want []pipeline.EventType) *live {
	t.Helper()
	return watchWith(t, DefaultConfig(), want)
}

func watchWith(t testing.TB, cfg Config, want []pipeline.EventType) *live {
	t.Helper()
	needKernel(t)
	s, err := Open(cfg, want, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l := &live{Sensor: s, t: t}
	l.arrived.L = &l.mu
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx, l.keep) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *live) keep(s pipeline.Sample) error {
	var h bpf.SensorEventHeader
	if _, err := binary.Decode(s, binary.NativeEndian, &h); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.samples = append(l.samples, sample{h.Time, h.Pid, h.Type, bytes.Clone(s)})
	if h.Type == uint16(bpf.SensorEventKindEVENT_EXIT) {
		l.arrived.Broadcast()
	}
	return nil
}

// bootTime is now, on the records' clock.
func bootTime(t testing.TB) uint64 {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		t.Fatal(err)
	}
	return uint64(now.Nano())
}

// until waits for the exit record of a process and returns all records of it up to now, in order. Those
// before since are of another process that had its number.
func (l *live) until(pid int, since uint64) []record {
	l.t.Helper()
	late := false
	timer := time.AfterFunc(20*time.Second, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		late = true
		l.arrived.Broadcast()
	})
	defer timer.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		var own []record
		for _, s := range l.samples {
			if int(s.pid) == pid && s.time >= since {
				own = append(own, walk(l.t, s.raw))
			}
		}
		if slices.ContainsFunc(own, func(r record) bool { return r.is(pipeline.EventExit) }) {
			return own
		}
		if late {
			losses, err := l.Losses()
			l.t.Fatalf("no exit record of process %d within 20 s; %d records of it, losses %v (%v)", pid, len(own), losses, err)
		}
		l.arrived.Wait()
	}
}

// act runs one act in a process of its own in dir and returns all records of that process.
func (l *live) act(name, dir string, change ...func(*exec.Cmd)) []record {
	l.t.Helper()
	records, _ := l.actWithOutput(name, dir, nil, change...)
	return records
}

// actWithOutput is act; what the process printed is read as JSON into out unless that is nil.
func (l *live) actWithOutput(name, dir string, out any, change ...func(*exec.Cmd)) ([]record, *exec.Cmd) {
	l.t.Helper()
	if acts[name] == nil {
		l.t.Fatalf("no act is called %s", name)
	}
	exe, err := os.Executable()
	if err != nil {
		l.t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), actEnv+"="+name)
	cmd.Stderr = os.Stderr
	for _, c := range change {
		c(cmd)
	}
	since := bootTime(l.t)
	text, err := cmd.Output()
	// Some acts end by a signal or a code of their own; 100 is a failed act.
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == 100 {
		l.t.Fatalf("act %s: %v", name, err)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			l.t.Fatalf("act %s printed %q: %v", name, text, err)
		}
	}
	return l.until(cmd.Process.Pid, since), cmd
}

// scratchDir is a temporary folder by its real path, open to everybody.
func scratchDir(t testing.TB) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
