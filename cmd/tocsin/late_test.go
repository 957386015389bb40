package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/sensor/capture"
	"github.com/tocsin-security/tocsin/stages/late"
)

// imageRules have a rule that a container without metadata must not make fire by a race, as the stock files have.
const imageRules = `
- rule: Foreign image
  desc: d
  condition: evt.type = openat and container.id != host and not container.image.repository in (trusted)
  output: "%container.image.repository"
  priority: WARNING
- rule: Any
  desc: d
  condition: evt.type = openat and container.id != host
  output: "%container.name"
  priority: WARNING
`

// windowRule is one whose window both goroutines ask.
const windowRule = `
- rule: Often
  desc: d
  condition: evt.type = openat and container.id != host and proc.name startswith c
  window: {by: [proc.name], within: 1m, count: {over: 3}}
  output: "%container.name %window.count %proc.pname %fd.name"
  priority: WARNING
`

// sampleAt is openSample of process pid at a time, in ms.
func sampleAt(pid uint32, ms int64) pipeline.Sample {
	s := bytes.Clone(openSample(pid))
	var header bpf.SensorEventHeader
	if _, err := binary.Decode(s, binary.LittleEndian, &header); err != nil {
		panic(err) // openSample begins with one
	}
	header.Time = uint64(ms * 1e6)
	if _, err := binary.Encode(s, binary.LittleEndian, header); err != nil {
		panic(err) // it was there
	}
	return s
}

// Times in a capture are in ms. Process 10 is on the host, 11 in container a, 12 in b.
func lateCapture(t *testing.T, frames ...any) *capture.Reader {
	t.Helper()
	var file bytes.Buffer
	w, err := capture.NewWriter(&file, capture.Header{Hostname: "h"})
	if err != nil {
		t.Fatal(err)
	}
	var processes []pipeline.Process
	for pid, id := range []string{"", "a", "b"} {
		processes = append(processes, pipeline.Process{PID: int32(10 + pid), Start: 1, Comm: "cat", Known: true, ContainerID: id, LoginUID: pipeline.UnsetUID})
	}
	table, err := json.Marshal(map[string]any{"processes": processes})
	if err != nil {
		t.Fatal(err)
	}
	errs := []error{w.WriteProcesses(table)}
	for _, f := range frames {
		switch f := f.(type) {
		case string:
			errs = append(errs, w.WriteFinding([]byte(f)))
		case pipeline.Sample:
			errs = append(errs, w.WriteSample(f))
		}
	}
	if err := errors.Join(append(errs, w.Close())...); err != nil {
		t.Fatal(err)
	}
	r, err := capture.NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func seen(id string, ms int64) string { return fmt.Sprintf(`{"forgotten":%q,"seen":%d}`, id, ms*1e6) }

func told(id, repository string, ms int64) string {
	return fmt.Sprintf(`{"container":{"ID":%q,"Name":"web-%s","Repository":%q,"Complete":true,"Learned":%d}}`, id, id, repository, ms*1e6)
}

// shown is an alert in a line: rule, event's time in ms, output, and whether it completes another and lacks something.
func shown(a pipeline.Alert) string {
	line := fmt.Sprintf("%s@%d %s", a.Rule, a.Time.UnixMilli(), a.Output)
	if a.Completes != nil {
		line += " completes"
	}
	if a.Enrichment != "" {
		line += " " + a.Enrichment
	}
	return line
}

func TestAReplayWaitsInTheTimeOfEvents(t *testing.T) {
	for name, tc := range map[string]struct {
		frames []any
		want   []string
	}{
		"what is told in time": {
			[]any{seen("a", 1000), sampleAt(11, 1000), sampleAt(10, 1400), told("a", "trusted", 1450), sampleAt(11, 1460)},
			[]string{"Any@1000 web-a", "Any@1460 web-a"},
		},
		"told in time of a foreign image": {
			[]any{seen("a", 1000), sampleAt(11, 1000), told("a", "evil", 1500)},
			[]string{"Foreign image@1000 evil", "Any@1000 web-a"},
		},
		"the wait is over, and it is completed later": {
			[]any{seen("a", 1000), sampleAt(11, 1000), sampleAt(10, 1501), told("a", "trusted", 1600), sampleAt(11, 1601)},
			[]string{"Foreign image@1000 <NA> partial", "Any@1000 <NA> partial", "Foreign image@1000 trusted completes late", "Any@1000 web-a completes", "Any@1601 web-a"},
		},
		"told too late, and noted before any other event": {
			[]any{seen("a", 1000), sampleAt(11, 1000), told("a", "evil", 1501)},
			[]string{"Foreign image@1000 <NA> partial", "Any@1000 <NA> partial", "Foreign image@1000 evil completes", "Any@1000 web-a completes"},
		},
		"an event after the wait is completed too": {
			[]any{seen("a", 1000), sampleAt(11, 1600), sampleAt(11, 1700), told("a", "trusted", 1800)},
			[]string{
				"Foreign image@1600 <NA> partial", "Any@1600 <NA> partial", "Foreign image@1700 <NA> partial", "Any@1700 <NA> partial",
				"Foreign image@1600 trusted completes late", "Any@1600 web-a completes", "Foreign image@1700 trusted completes late", "Any@1700 web-a completes",
			},
		},
		"the capture ends": {
			[]any{seen("a", 1000), sampleAt(11, 1000)},
			[]string{"Foreign image@1000 <NA> partial", "Any@1000 <NA> partial"},
		},
		"two containers, each in its own time": {
			[]any{seen("a", 1000), sampleAt(11, 1000), seen("b", 1200), sampleAt(12, 1200), sampleAt(10, 1600), told("b", "trusted", 1650)},
			[]string{"Foreign image@1000 <NA> partial", "Any@1000 <NA> partial", "Any@1200 web-b"},
		},
		"nobody could tell": {
			[]any{seen("a", 0), sampleAt(11, 1000), sampleAt(11, 1001), told("a", "evil", 1200)},
			[]string{"Foreign image@1000 <NA> partial", "Any@1000 <NA> partial", "Foreign image@1001 <NA> partial", "Any@1001 <NA> partial"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newBenchHot(t, imageFile(t))
			matcher := h.matcher.Load()
			h = newReplayHot(capture.Header{Hostname: "h"}, pipeline.Duration(500*time.Millisecond), slog.New(slog.DiscardHandler))
			h.matcher.Store(matcher)
			var got []string
			judge := lateJudge{&h.matcher, nil, func(a pipeline.Alert) error { got = append(got, shown(a)); return nil }}
			every := func(pipeline.Sample) bool { return true }
			if err := h.walk(t.Context(), lateCapture(t, tc.frames...), follower{every, matcher.Asks, judge}); !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			if h.failed.Load() > 0 {
				t.Fatalf("%d samples were not decoded", h.failed.Load())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("alerts (-want +got):\n%s", diff)
			}
		})
	}
}

// What went out partial is looked at when something is told, not with every event: a capture has millions.
func TestAReplayLooksForNothingBetweenFindings(t *testing.T) {
	h := newReplayHot(capture.Header{Hostname: "h"}, pipeline.Duration(500*time.Millisecond), slog.New(slog.DiscardHandler))
	h.matcher.Store(newBenchHot(t, imageFile(t)).matcher.Load())
	asked := 0
	h.late = late.New(func(id string) *pipeline.Container { asked++; return h.enricher.Container(id) })
	frames := []any{seen("a", 1000), sampleAt(11, 1000)}
	const events = 1000
	for ms := range int64(events) {
		frames = append(frames, sampleAt(10, 1501+ms))
	}
	frames = append(frames, told("a", "trusted", 1501+events))
	completed := 0
	judge := lateJudge{&h.matcher, nil, func(a pipeline.Alert) error {
		if a.Completes != nil {
			completed++
		}
		return nil
	}}
	every := func(pipeline.Sample) bool { return true }
	if err := h.walk(t.Context(), lateCapture(t, frames...), follower{every, h.matcher.Load().Asks, judge}); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if asked > 20 || completed != 2 {
		t.Errorf("asked %d times about one container in %d events, and completed %d alerts; want a handful, and 2", asked, events, completed)
	}
}

func imageFile(t *testing.T, more ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(imageRules+strings.Join(more, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Live, one goroutine takes events and another judges those that waited: nothing is lost or told twice, and each
// alert of a container is complete. Run it with -race.
func TestTwoGoroutinesJudgeEachEventOnce(t *testing.T) {
	h := newBenchHot(t, imageFile(t, windowRule))
	var mu sync.Mutex
	got, often := map[string]int{}, 0
	emit := func(a pipeline.Alert) error {
		mu.Lock()
		defer mu.Unlock()
		if a.Rule == "Often" {
			often++
		} else {
			got[shown(a)]++
		}
		return nil
	}
	const containers, each = 50, 20
	stop, done := make(chan struct{}), make(chan error)
	go func() {
		for {
			drain := false
			select {
			case <-stop:
				drain = true
			case <-h.late.Wake():
			case <-h.enricher.Learned():
			}
			if _, err := h.late.Release(1, drain, lateJudge{&h.after, nil, emit}); err != nil || drain {
				done <- err
				return
			}
		}
	}()
	var tellers sync.WaitGroup
	var processes []pipeline.Process
	for i := range containers {
		processes = append(processes, pipeline.Process{PID: int32(1000 + i), Start: 1, Comm: "cat", Known: true, ContainerID: fmt.Sprint("c", i)})
	}
	table, err := json.Marshal(map[string]any{"processes": processes})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.decoder.Restore(table); err != nil {
		t.Fatal(err)
	}
	for n := range each {
		for i := range containers {
			if err := h.handle(sampleAt(uint32(1000+i), int64(2000+n)), emit); err != nil {
				t.Fatal(err)
			}
			if n == each/2 {
				tellers.Go(func() {
					if err := h.enricher.Learn([]byte(told(fmt.Sprint("c", i), "trusted", 1))); err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
	tellers.Wait()
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for n := range each {
		for i := range containers {
			if line := fmt.Sprintf("Any@%d web-c%d", 2000+n, i); got[line] != 1 {
				t.Fatalf("%q was told %d times, want once", line, got[line])
			}
		}
	}
	if often == 0 {
		t.Error("the rule with a window never fired")
	}
	if len(got) != each*containers {
		t.Errorf("%d kinds of alert, want %d: %v", len(got), each*containers, got)
	}
	if s := h.late.Stats(); s.Held == 0 || s.Held != s.Complete {
		t.Errorf("Stats = %+v, want some held, and all of them complete", s)
	}
}
