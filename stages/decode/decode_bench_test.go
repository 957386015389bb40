package decode

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// hotSamples are the events that come by the million; decoding them must not allocate.
func hotSamples() map[string]pipeline.Sample {
	return map[string]pipeline.Sample{
		"open":            call(pipeline.EventOpenat, 3, [6]uint64{cwdFD, 0, unix.O_CLOEXEC}, str(1, "/etc/ld.so.cache"), file("/etc/ld.so.cache")),
		"relative open":   call(pipeline.EventOpenat, -2, [6]uint64{cwdFD}, str(1, "../lib/./x.so"), path(kindBase, 1, "/home/u")),
		"rename":          call(pipeline.EventRename, 0, [6]uint64{}, str(0, "/tmp/a"), str(1, "/tmp//b")),
		"refused connect": call(pipeline.EventConnect, -111, [6]uint64{3}, sockaddr(unix.AF_INET, 0, 0, 80, 10, 0, 0, 2)),
	}
}

func TestDecodeDoesNotAllocate(t *testing.T) {
	for name, s := range hotSamples() {
		d := newDecoder(t)
		var ev pipeline.Event
		if n := testing.AllocsPerRun(100, func() {
			if _, err := d.Decode(s, &ev); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations an event, want none", name, n)
		}
	}
}

func benchmark(b *testing.B, s pipeline.Sample) {
	d := newDecoder(b)
	var ev pipeline.Event
	b.ReportAllocs()
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		if _, err := d.Decode(s, &ev); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeOpenat(b *testing.B)         { benchmark(b, hotSamples()["open"]) }
func BenchmarkDecodeOpenatRelative(b *testing.B) { benchmark(b, hotSamples()["relative open"]) }
func BenchmarkDecodeConnect(b *testing.B)        { benchmark(b, hotSamples()["refused connect"]) }

func BenchmarkDecodeExec(b *testing.B) {
	env := piece{kind: kindEnv, data: []byte("PATH=/usr/bin:/bin\x00HOME=/root\x00LANG=C\x00")}
	benchmark(b, execed(100, 1, "cat", 10, argv("cat", "-n", "/etc/passwd"), env, path(kindExe, 0, "/usr/bin/cat"),
		path(kindCwd, 0, "/home/u"), path(kindCgroup, 0, "/system.slice/cron.service")))
}

// BenchmarkDecodeLife is a process's fork and exit in a table of many.
func BenchmarkDecodeLife(b *testing.B) {
	d := newDecoder(b)
	for pid := range uint32(10000) {
		decode(b, d, forked(1000+pid, 100, "idle", 10))
	}
	fork, exit := forked(200, 100, "sh", 20), exited(200, 1, 21)
	var ev pipeline.Event
	b.ReportAllocs()
	for b.Loop() {
		for _, s := range []pipeline.Sample{fork, exit} {
			if _, err := d.Decode(s, &ev); err != nil {
				b.Fatal(err)
			}
		}
	}
}
