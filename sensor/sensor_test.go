package sensor

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

func TestFullRingIsCounted(t *testing.T) {
	needKernel(t)
	s, err := load(4096, 0) // one page, and our own calls are reported
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.start([]pipeline.EventType{pipeline.EventOpenat}); err != nil {
		t.Fatal(err)
	}
	before, err := s.Losses()
	if err != nil {
		t.Fatal(err)
	}
	const opens = 1000
	for range opens { // nobody reads
		f, err := os.Open("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	after, err := s.Losses()
	if err != nil {
		t.Fatal(err)
	}
	// A record is over 100 bytes, so fewer than 40 of them fit.
	if lost := after[pipeline.LossRingFull] - before[pipeline.LossRingFull]; lost < opens-40 {
		t.Errorf("%d records lost, want at least %d", lost, opens-40)
	}
	ctx, cancel := context.WithCancel(context.Background())
	read := 0
	cancel() // what the ring holds is still handed over
	err = s.Run(ctx, func(pipeline.Sample) error { read++; return nil })
	if err != nil || read == 0 {
		t.Errorf("Run read %d records and returned %v, want what was in the ring", read, err)
	}
}

func TestShortenedPathsAndArgumentsAreCounted(t *testing.T) {
	l := watch(t, nil)
	cases := map[string]struct {
		act   string
		cause pipeline.Loss
		event pipeline.EventType
		arg   string
	}{
		"a path over 4096 bytes":    {"openat too deep", pipeline.LossPathTruncated, pipeline.EventOpenat, ""},
		"arguments over 4096 bytes": {"facts", pipeline.LossArgsTruncated, pipeline.EventExecve, strings.Repeat("a", 5000)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			before, err := l.Losses()
			if err != nil {
				t.Fatal(err)
			}
			got := last(t, l.act(c.act, t.TempDir(), withArg(c.arg)), c.event)
			after, err := l.Losses()
			if err != nil {
				t.Fatal(err)
			}
			if after[c.cause] == before[c.cause] {
				t.Errorf("%s was not counted: %v", c.cause, after)
			}
			if got.Flags&uint16(bpf.SensorEventFlagEVENT_TRUNCATED) == 0 {
				t.Errorf("flags %b lack EVENT_TRUNCATED", got.Flags)
			}
			truncated := slices.ContainsFunc(got.chunks, func(c chunk) bool {
				return bpf.SensorChunkFlag(c.Flags)&bpf.SensorChunkFlagCHUNK_TRUNCATED != 0
			})
			if !truncated {
				t.Error("no chunk is marked CHUNK_TRUNCATED")
			}
		})
	}
}

func withArg(arg string) func(*exec.Cmd) {
	return func(c *exec.Cmd) { c.Args = append(c.Args, arg) }
}

func TestOnlyWhatIsWantedIsReported(t *testing.T) {
	l := watch(t, []pipeline.EventType{pipeline.EventMkdirat})
	seen := func(records []record, event pipeline.EventType) bool {
		return slices.ContainsFunc(records, func(r record) bool { return r.is(event) })
	}
	records := l.act("mkdirat", sceneDir(t))
	if !seen(records, pipeline.EventMkdirat) || seen(records, pipeline.EventOpenat) || !seen(records, pipeline.EventExecve) {
		t.Error("want mkdirat and exec and no openat")
	}
	if err := l.SetWanted([]pipeline.EventType{pipeline.EventOpenat, pipeline.EventSetuid}); err != nil {
		t.Fatal(err)
	}
	records = l.act("mkdirat", sceneDir(t))
	if seen(records, pipeline.EventMkdirat) || !seen(records, pipeline.EventOpenat) {
		t.Error("after SetWanted: want openat and no mkdirat")
	}
}

func TestOwnCallsAreNotReported(t *testing.T) {
	l := watch(t, nil)
	f, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	l.act("facts", t.TempDir()) // whatever we did before is in the ring by now
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.samples {
		if int(s.pid) == os.Getpid() && s.kind >= uint16(bpf.SensorEventKindEVENT_SYSCALL) {
			t.Fatalf("reported our own %s", pipeline.EventType(s.kind))
		}
	}
}
