package window

import (
	"testing"

	"pgregory.net/rapid"
)

// The index has what a map has. Hashes are few, and most of them have the same home.
func TestIndex(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var (
			x    index
			keys slab[key]
			all  = map[uint64]uint32{}
			hash = rapid.Custom(func(rt *rapid.T) uint64 {
				half := rapid.Uint64Range(0, 1)
				return rapid.SampledFrom([]uint64{0, 1, 2, 3, 62, 63, 64, 65, 126, 127}).Draw(rt, "home")<<32 | half.Draw(rt, "low")<<40 | half.Draw(rt, "lower")
			})
		)
		check := func() {
			for h, n := range all {
				if got := x.find(h, &keys); got != n {
					rt.Fatalf("find(%x) = %d, want %d", h, got, n)
				}
			}
		}
		for range rapid.IntRange(1, 200).Draw(rt, "steps") {
			h := hash.Draw(rt, "hash")
			if n, known := all[h]; known {
				x.remove(h, n)
				keys.put(n)
				delete(all, h)
			} else {
				n := keys.take()
				keys.at(n).hash = h
				x.add(h, n)
				all[h] = n
			}
			check()
			if other := hash.Draw(rt, "other"); all[other] == 0 && x.find(other, &keys) != 0 {
				rt.Fatalf("find(%x) finds what is not there", other)
			}
		}
		if x.n != len(all) {
			rt.Fatalf("%d are counted, want %d", x.n, len(all))
		}
	})
}

func TestIndexGrows(t *testing.T) {
	var (
		x    index
		keys slab[key]
	)
	for i := range uint64(10_000) {
		n := keys.take()
		keys.at(n).hash = i * 0x9e3779b97f4a7c15
		x.add(keys.at(n).hash, n)
	}
	for n := uint32(1); n <= 10_000; n++ {
		if got := x.find(keys.at(n).hash, &keys); got != n {
			t.Fatalf("find of number %d = %d", n, got)
		}
	}
}
