package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// lookAtMemory is how often it is looked whether it is quiet: little was allocated since.
	lookAtMemory = 2 * time.Second
	quietBytes   = 8 << 20
	// worthGiving is what a burst has to have taken, and left, for a collection.
	worthGiving = 32 << 20
)

// giveBack gives back what bursts took, as soon as they are over, until ctx ends: Go itself leaves garbage for two
// minutes, and free memory for longer.
func giveBack(ctx context.Context) error {
	tick := time.NewTicker(lookAtMemory)
	defer tick.Stop()
	for g := newGiver(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			g.look()
		}
	}
}

// giver knows what was allocated since when.
type giver struct {
	samples []metrics.Sample
	before  uint64 // allocated at the look before
	given   uint64 // and when memory was given back last
}

func newGiver() *giver {
	g := &giver{samples: []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}}
	g.before, _ = g.read()
	g.given = g.before
	return g
}

// read is what was allocated ever, and what the heap has beside what lived after the latest collection, in bytes.
func (g *giver) read() (allocated, left uint64) {
	metrics.Read(g.samples)
	value := func(i int) uint64 { return g.samples[i].Value.Uint64() }
	return value(0), value(2) + value(3) + value(4) - min(value(1), value(2))
}

// look gives back what there is, if it is quiet and worth it.
func (g *giver) look() (gave bool) {
	allocated, left := g.read()
	quiet := allocated-g.before < quietBytes
	g.before = allocated
	if !quiet || left < worthGiving || allocated-g.given < worthGiving {
		return false
	}
	debug.FreeOSMemory()
	g.before, _ = g.read()
	g.given = g.before
	return true
}
