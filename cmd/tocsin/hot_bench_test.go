package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"log/slog"
	"os"
	"testing"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/stages/decode"
	"github.com/tocsin-security/tocsin/stages/enrich"
	"github.com/tocsin-security/tocsin/stages/late"
	"github.com/tocsin-security/tocsin/stages/match"
	"github.com/tocsin-security/tocsin/stages/window"
)

// openSample is an openat as the kernel reports it: the argument, and the path of the file opened.
func openSample(pid uint32) pipeline.Sample {
	var chunks bytes.Buffer
	chunk := func(kind bpf.SensorChunkKind, index uint8, data []byte) {
		header := bpf.SensorChunkHeader{Kind: uint16(kind), Index: index, Len: uint32(len(data))}
		writeAll(&chunks, header, data, make([]byte, -len(data)&7))
	}
	chunk(bpf.SensorChunkKindCHUNK_STRING, 1, []byte("/usr/lib/locale/locale-archive"))
	info, err := binary.Append(nil, binary.LittleEndian, bpf.SensorFileInfo{Ino: 7, Mode: 0o100644, F_mode: 1, Nlink: 1, Fd: 3})
	if err != nil {
		panic(err)
	}
	chunk(bpf.SensorChunkKindCHUNK_FILE, 0, append(info, "locale-archive\x00locale\x00lib\x00usr\x00"...))

	event := bpf.SensorSyscallEvent{Ret: 3}
	event.Args[0] = uint64(0xffffffffffffff9c) // AT_FDCWD
	event.Header = bpf.SensorEventHeader{
		Time: 2_000_000_000, Start: 1, Pid: pid, Tid: pid, Type: uint16(pipeline.EventOpenat), Chunks: 2,
		Size: uint32(binary.Size(event) + chunks.Len()),
	}
	var sample bytes.Buffer
	writeAll(&sample, event, chunks.Bytes())
	return sample.Bytes()
}

func writeAll(w io.Writer, values ...any) {
	for _, v := range values {
		if err := binary.Write(w, binary.LittleEndian, v); err != nil {
			panic(err) // a bytes.Buffer takes everything
		}
	}
}

// newBenchHot is a hot half without a kernel, with the rules of one file.
func newBenchHot(tb testing.TB, files ...string) *hot {
	tb.Helper()
	log := slog.New(slog.DiscardHandler)
	cfg := rules.DefaultConfig()
	cfg.Files = files
	set, err := rules.Load(cfg, "")
	if err != nil {
		tb.Skip(err)
	}
	shared := match.Config{Host: "bench", Windows: window.NewMemory(window.DefaultConfig())} // as the rules are: see newPlan
	matcher, err := match.New(shared, set)
	if err != nil {
		tb.Fatal(err)
	}
	after, err := match.New(shared, set)
	if err != nil {
		tb.Fatal(err)
	}
	h := &hot{decoder: decode.New(decode.Config{}, "bench", 0), enricher: enrich.New(enrich.DefaultConfig(), "bench", log), log: log}
	h.late = late.New(h.enricher.Container)
	h.matcher.Store(matcher)
	h.after.Store(after)
	if err := h.decoder.Seed("/proc"); err != nil {
		tb.Fatal(err)
	}
	return h
}

var benchRules = map[string][]string{
	"contract": {"../../../shared/contract/rules.yaml"},
	"stable":   {"../../../shared/falco-rules/falco_rules.yaml"},
	"stock": {
		"../../../shared/falco-rules/falco_rules.yaml",
		"../../../shared/falco-rules/falco-incubating_rules.yaml",
		"../../../shared/falco-rules/falco-sandbox_rules.yaml",
	},
}

// BenchmarkHot is what one file open costs from the record to the last rule's verdict.
func BenchmarkHot(b *testing.B) {
	sample := openSample(uint32(os.Getpid()))
	for name, files := range benchRules {
		b.Run(name, func(b *testing.B) {
			h := newBenchHot(b, files...)
			emit := func(a pipeline.Alert) error { b.Fatalf("rule %q fired", a.Rule); return nil }
			b.ReportAllocs()
			for b.Loop() {
				if err := h.handle(sample, emit); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// countingRules hold for what openSample is, and count it; that one fires is a billion away.
const countingRules = `
- rule: R
  desc: d
  condition: evt.type = openat and fd.name startswith /etc and proc.name = cat
  output: o
  priority: INFO
- rule: Counts
  desc: d
  condition: evt.type = openat and fd.name startswith /usr
  window: {by: [proc.pid, user.name], within: 1m, count: {over: 1000000000}, distinct: {field: fd.name, over: 5}, rate: {over: 5000000/s}}
  output: "%window.count"
  priority: INFO
- rule: Chain
  desc: d
  condition: evt.type = openat
  window: {by: [proc.pid], within: 1m, sequence: [{condition: fd.name startswith /usr}, {condition: fd.name startswith /nowhere}]}
  output: o
  priority: INFO
`

// countingFile writes countingRules.
func countingFile(tb testing.TB) string {
	tb.Helper()
	file := tb.TempDir() + "/rules.yaml"
	if err := os.WriteFile(file, []byte(countingRules), 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

// BenchmarkHotCounts is what one file open costs that two windows count.
func BenchmarkHotCounts(b *testing.B) {
	h, sample := newBenchHot(b, countingFile(b)), openSample(uint32(os.Getpid()))
	b.ReportAllocs()
	for b.Loop() {
		if err := h.handle(sample, func(pipeline.Alert) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

// The hot half must not allocate for an event that no rule matches, or that is only counted.
func TestHotDoesNotAllocate(t *testing.T) {
	h, sample := newBenchHot(t, countingFile(t)), openSample(uint32(os.Getpid()))
	emit := func(a pipeline.Alert) error { t.Errorf("rule %q fired", a.Rule); return nil }
	if n := testing.AllocsPerRun(100, func() {
		if err := h.handle(sample, emit); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations an event, want none", n)
	}
	for _, r := range h.matcher.Load().Stats().Rules {
		if (r.Observed > 100) != (r.Rule != "R") {
			t.Errorf("%s was observed %d times: only those with a window that hold are, each time", r.Rule, r.Observed)
		}
	}
	if h.events.Load() == 0 || h.failed.Load() != 0 {
		t.Errorf("%d events, %d failed: the sample was not decoded", h.events.Load(), h.failed.Load())
	}
}
