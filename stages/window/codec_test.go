package window

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// FuzzDecode: what is read is a key that can be written, read and judged on, or an error and nothing left.
func FuzzDecode(f *testing.F) {
	w := pipeline.Window{
		Within: time.Minute, Count: 1, Distinct: 1, Rate: 1, RateSpan: time.Second, Changed: time.Hour, New: time.Hour, Steps: 3,
	}
	cfg := DefaultConfig()
	cfg.MaxKeys, cfg.Exact = 1, 32
	now := time.Unix(1_800_000_000, 0)
	judgeOn := func(desk *shard, i int, at time.Time) {
		value := fmt.Sprint("value ", i%100)
		o := pipeline.Observation{Window: &w, At: at, Arrived: now, Distinct: value, Changed: value, New: value, Steps: uint16(i) & 7}
		var j pipeline.Judged
		desk.judge(&occurrence{
			w: &w, o: &o, key: onDesk, at: at.UnixMicro(), arrived: now.UnixMicro(),
			id: uint64(i + 1), distinct: sum64(value), changed: sum64(value), fresh: sum64(value),
		}, &j)
	}
	f.Add([]byte{codecVersion})
	for _, n := range []int{1, 2, 40, 200} {
		desk := NewMemory(cfg).shards[0]
		for i := range n {
			judgeOn(desk, i, now.Add(time.Duration(i)*time.Millisecond-time.Duration(i%2)*time.Hour))
		}
		f.Add(desk.encode(nil, desk.keys.at(desk.index.find(onDesk, &desk.keys))))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		desk := NewMemory(cfg).shards[0]
		if err := desk.decode(b, onDesk); err != nil {
			if desk.index.n != 0 {
				t.Fatalf("decode(%x): %v, and there is a key", b, err)
			}
			return
		}
		k := desk.keys.at(desk.index.find(onDesk, &desk.keys))
		once := desk.encode(nil, k)
		other := NewMemory(cfg).shards[0]
		if err := other.decode(once, onDesk); err != nil {
			t.Fatalf("decode(%x), encoded again as %x: %v", b, once, err)
		}
		if twice := other.encode(nil, other.keys.at(other.index.find(onDesk, &other.keys))); !bytes.Equal(once, twice) {
			t.Fatalf("decode(%x), encoded again as %x and then %x", b, once, twice)
		}
		for i := range 3 {
			judgeOn(desk, i, now)
		}
	})
}
