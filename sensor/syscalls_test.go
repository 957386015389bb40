package sensor

import (
	"math/bits"
	"slices"
	"testing"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

func TestEveryNumberHasItsRow(t *testing.T) {
	covered := make(map[pipeline.EventType]bool)
	for _, s := range table() {
		if event := pipeline.EventType(s.Type); covered[event] {
			t.Errorf("%s is in the table twice", event)
		}
		covered[pipeline.EventType(s.Type)] = true
	}
	for abi, numbers := range map[string][]number{"native": nativeNumbers(), "compat": compatNumbers()} {
		seen := make(map[uint32]bool)
		for _, n := range numbers {
			if !covered[n.event] {
				t.Errorf("%s number %d is %s, which the table lacks", abi, n.nr, n.event)
			}
			if seen[n.nr] || n.nr >= compatBase {
				t.Errorf("%s number %d of %s is used twice or too large", abi, n.nr, n.event)
			}
			seen[n.nr] = true
		}
	}
	if got := Syscalls(); len(got) != len(covered)-noNumber {
		t.Errorf("%d system calls have numbers, %d are in the table", len(got), len(covered))
	}
}

func TestBitmapHasABitPerWantedRow(t *testing.T) {
	count := func(b [16]uint64) (n int) {
		for _, word := range b {
			n += bits.OnesCount64(word)
		}
		return n
	}
	multiplexer := min(socketcall, 1) // a bit for socketcall, which has no row
	if got, want := count(bitmap(nil)), len(nativeNumbers())+len(compatNumbers())+multiplexer; got != want {
		t.Errorf("everything is %d bits, want %d", got, want)
	}
	if got := count(bitmap([]pipeline.EventType{})); got != 0 {
		t.Errorf("nothing is %d bits", got)
	}
	unknown := []pipeline.EventType{pipeline.EventExecve, pipeline.EventJSON, pipeline.NumEventTypes}
	if got := count(bitmap(unknown)); got != 0 {
		t.Errorf("events without a row have %d bits", got)
	}
	i := slices.IndexFunc(nativeNumbers(), func(n number) bool { return n.event == pipeline.EventConnect })
	nr := nativeNumbers()[i].nr
	got := bitmap([]pipeline.EventType{pipeline.EventConnect})
	if got[nr/64]>>(nr%64)&1 != 1 || count(got) != 2+multiplexer {
		t.Errorf("connect is %x, want bit %d and the 32-bit calls'", got, nr)
	}
}

// The vocabulary and the C header number the same things in two places.
func TestNumbersAgreeWithTheKernelSide(t *testing.T) {
	pairs := map[string][2]int{
		"exec":           {int(pipeline.EventExecve), int(bpf.SensorEventKindEVENT_EXEC)},
		"fork":           {int(pipeline.EventClone), int(bpf.SensorEventKindEVENT_FORK)},
		"exit":           {int(pipeline.EventExit), int(bpf.SensorEventKindEVENT_EXIT)},
		"first syscall":  {int(pipeline.EventAccept), int(bpf.SensorEventKindEVENT_SYSCALL)},
		"ring full":      {int(pipeline.LossRingFull), int(bpf.SensorLossLOSS_RING_FULL)},
		"path truncated": {int(pipeline.LossPathTruncated), int(bpf.SensorLossLOSS_PATH_TRUNCATED)},
		"read user":      {int(pipeline.LossReadUser), int(bpf.SensorLossLOSS_READ_USER)},
		"read kernel":    {int(pipeline.LossReadKernel), int(bpf.SensorLossLOSS_READ_KERNEL)},
		"args truncated": {int(pipeline.LossArgsTruncated), int(bpf.SensorLossLOSS_ARGS_TRUNCATED)},
		"chunk full":     {int(pipeline.LossChunkFull), int(bpf.SensorLossLOSS_CHUNK_FULL)},
		"shed":           {int(pipeline.LossShed), int(bpf.SensorLossLOSS_SHED)},
		"losses":         {int(pipeline.NumKernelLosses), int(bpf.SensorLossLOSS_MAX)},
	}
	for name, p := range pairs {
		if p[0] != p[1] {
			t.Errorf("%s is %d in pipeline and %d in event.h", name, p[0], p[1])
		}
	}
}
