package window

import (
	"testing"

	"pgregory.net/rapid"
)

// Blocks never overlap, keep what is written into them, and are one page again when all have come back.
func TestArena(t *testing.T) {
	type held struct {
		ref   uint32
		order uint8
	}
	rapid.Check(t, func(rt *rapid.T) {
		a, blocks := &arena{}, []held{}
		fill := func(b held, tag uint64) {
			for i := range a.block(b.ref, b.order) {
				a.block(b.ref, b.order)[i] = pair{int64(b.ref), tag}
			}
		}
		check := func(b held) {
			for i, p := range a.block(b.ref, b.order) {
				if p != (pair{int64(b.ref), uint64(b.order)}) {
					rt.Fatalf("pair %d of block %d is %v: somebody else wrote there", i, b.ref, p)
				}
			}
		}
		for range rapid.IntRange(1, 300).Draw(rt, "steps") {
			if len(blocks) > 0 && rapid.IntRange(0, 2).Draw(rt, "release") == 0 {
				i := rapid.IntRange(0, len(blocks)-1).Draw(rt, "which")
				check(blocks[i])
				a.release(blocks[i].ref, blocks[i].order)
				blocks = append(blocks[:i], blocks[i+1:]...)
				continue
			}
			order := uint8(rapid.SampledFrom([]int{1, 1, 1, 2, 2, 3, 5, 9, 15}).Draw(rt, "order"))
			b := held{a.alloc(order), order}
			fill(b, uint64(order))
			blocks = append(blocks, b)
		}
		for _, b := range blocks {
			check(b)
			a.release(b.ref, b.order)
		}
		whole := len(a.pages) - 1 // of the first the beginning is never handed out
		for ref := a.free[pageOrder]; ref != 0; ref = uint32(a.at(ref).at) {
			whole--
		}
		if len(a.pages) > 0 && whole != 0 {
			rt.Fatalf("%d of %d pages are not whole again", whole, len(a.pages)-1)
		}
	})
}
