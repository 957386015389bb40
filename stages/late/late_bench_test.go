package late

import (
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
)

// BenchmarkHold is what an event costs that is held: five processes, an open file.
func BenchmarkHold(b *testing.B) {
	w := newWorld()
	ev := w.event("1", "a", 0)
	ev.FD = pipeline.FD{Kind: pipeline.FDFile, Name: "/usr/lib/locale/locale-archive", Raw: "/usr/lib/locale/locale-archive"}
	ev.Path[0] = pipeline.Path{Raw: ev.FD.Raw, Name: ev.FD.Name, Set: true}
	for p := ev.Proc; p.PID < 5; p = p.Parent {
		p.Parent = &pipeline.Process{PID: p.PID + 1, Known: true}
	}
	b.ReportAllocs()
	for b.Loop() {
		if !w.Hold(ev) {
			if _, err := w.Release(t0, true, w); err != nil {
				b.Fatal(err)
			}
			w.log = w.log[:0]
		}
	}
}

// BenchmarkHoldNot is what every event pays for: nothing to wait for.
func BenchmarkHoldNot(b *testing.B) {
	w := newWorld()
	w.learn("a", 0)
	ev := w.event("1", "a", 0)
	b.ReportAllocs()
	for b.Loop() {
		if w.Hold(ev) {
			b.Fatal("held")
		}
	}
}
