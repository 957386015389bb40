package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// Memory that a burst took goes back when the burst is over, and then there is nothing more to give.
func TestGiveBack(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection in the burst would take all of it for alive
	runtime.GC()
	g := newGiver()
	var burst [][]byte
	for range 200 {
		burst = append(burst, make([]byte, 1<<20))
	}
	runtime.KeepAlive(burst)
	burst = nil
	if g.look() {
		t.Error("something was given back in the midst of a burst")
	}
	if !g.look() {
		t.Error("nothing was given back after the burst")
	}
	if _, left := g.read(); left > worthGiving {
		t.Errorf("%d MiB are left that nobody uses", left>>20)
	}
	if g.look() {
		t.Error("something was given back twice")
	}
}
