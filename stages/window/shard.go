package window

import (
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// shard is a part of the keys of a Memory. All its memory but the index is in pages of fixed layout that are
// used again, never given back.
type shard struct {
	mu sync.Mutex

	cfg      Config
	lateness int64 // as all times here in µs
	room     *room

	index  index
	keys   slab[key]
	lines  slab[line] // second timelines
	extras slab[extra]
	pasts  slab[past]
	arena  arena

	newest, oldest uint32 // ends of the list of keys by their latest touch
	current        uint32 // is being judged: not evicted
	hand           uint32 // the key that was looked at last for having expired

	estimates []*estimate // nil: free

	plain, with chains // of the sequence that is being judged
}

// key is what is known of what is counted together. It is large times a million: what few keys need is
// elsewhere.
type key struct {
	hash       uint64
	touched    int64  // when the latest occurrence arrived
	life       uint32 // seconds after which it has expired, rounded up; 0: this key is free
	next, prev uint32 // the keys touched just before and after it
	past       uint32 // 0: there is none, as below
	line       line   // the timeline touched last
	other      uint32 // the other one
	lines      uint8  // how many there are
}

// What things take, for the bound: of the index a key has one and a third to two and two thirds slots.
const (
	indexBytes = 20
	keyBytes   = int(unsafe.Sizeof(key{})) + indexBytes
	lineBytes  = int(unsafe.Sizeof(line{}))
	extraBytes = int(unsafe.Sizeof(extra{}))
	pastBytes  = int(unsafe.Sizeof(past{}))
)

// room is what all shards together take.
type room struct {
	keys, bytes atomic.Int64
	evicted     atomic.Uint64
}

func newShard(cfg Config, r *room) *shard {
	return &shard{cfg: cfg, lateness: time.Duration(cfg.Lateness).Microseconds(), room: r}
}

// keyOf finds the key of an occurrence, or makes it.
func (s *shard) keyOf(this *occurrence) *key {
	s.sweep(this.arrived)
	life := s.cfg.Life(this.w)
	if n := s.index.find(this.key, &s.keys); n != 0 {
		k := s.keys.at(n)
		s.current = n
		if this.arrived-k.touched > life.Microseconds() {
			s.clear(k)
			k.touched = this.arrived
		}
		k.life = seconds(life)
		return k
	}
	s.current = 0
	s.sweep(this.arrived)
	if s.room.keys.Add(1) > int64(s.cfg.MaxKeys) {
		s.evict()
	}
	s.charge(keyBytes)
	n := s.keys.take()
	k := s.keys.at(n)
	k.hash, k.touched, k.life = this.key, this.arrived, seconds(life)
	s.index.add(this.key, n)
	s.current = n
	s.link(n, k)
	return k
}

func seconds(d time.Duration) uint32 {
	return uint32(min((d+time.Second-1)/time.Second, 1<<32-1))
}

// sweep looks at one key, and forgets it if it has expired. As this is done for every occurrence, and again
// for a new key, what has expired goes about as fast as new keys come, and the world never stops for it.
func (s *shard) sweep(now int64) {
	s.hand++
	if s.hand >= s.keys.used {
		s.hand = 1
	}
	if s.keys.used == 0 {
		return
	}
	if k := s.keys.at(s.hand); k.life != 0 && k.touched+int64(k.life)*1e6+ArrivalSlack.Microseconds() < now {
		s.forget(s.hand)
	}
}

// charge counts what is about to be taken, and makes room for it.
func (s *shard) charge(bytes int) {
	for s.room.bytes.Add(int64(bytes)) > int64(s.cfg.MaxBytes) {
		s.refund(bytes)
		if !s.evict() {
			s.room.bytes.Add(int64(bytes))
			return // nobody else is here: the other shards will
		}
	}
}

func (s *shard) refund(bytes int) { s.room.bytes.Add(-int64(bytes)) }

// evict forgets the key that was touched least recently, except the one that is being judged.
func (s *shard) evict() bool {
	n := s.oldest
	if n != 0 && n == s.current {
		n = s.keys.at(n).prev
	}
	if n == 0 {
		return false
	}
	s.room.evicted.Add(1)
	s.forget(n)
	return true
}

func (s *shard) forget(n uint32) {
	k := s.keys.at(n)
	s.clear(k)
	s.unlink(n, k)
	s.index.remove(k.hash, n)
	s.keys.put(n)
	s.room.keys.Add(-1)
	s.refund(keyBytes)
}

// clear forgets all that is known of a key.
func (s *shard) clear(k *key) {
	for k.lines > 0 {
		s.endLine(k)
	}
	if k.past != 0 {
		p := s.pasts.at(k.past)
		s.empty(&p.known)
		if p.texts != 0 {
			s.release(p.texts, pastOrder)
		}
		s.pasts.put(k.past)
		k.past = 0
		s.refund(pastBytes)
	}
}

// touch makes a key the one touched last.
func (s *shard) touch(k *key, arrived int64) {
	k.touched = max(k.touched, arrived)
	if n := s.current; s.newest != n {
		s.unlink(n, k)
		s.link(n, k)
	}
}

func (s *shard) link(n uint32, k *key) {
	k.prev, k.next = 0, s.newest
	if s.newest != 0 {
		s.keys.at(s.newest).prev = n
	} else {
		s.oldest = n
	}
	s.newest = n
}

func (s *shard) unlink(n uint32, k *key) {
	if k.prev != 0 {
		s.keys.at(k.prev).next = k.next
	} else {
		s.newest = k.next
	}
	if k.next != 0 {
		s.keys.at(k.next).prev = k.prev
	} else {
		s.oldest = k.prev
	}
}

func (s *shard) alloc(order uint8) uint32 {
	s.charge(pairBytes << order)
	return s.arena.alloc(order)
}

func (s *shard) release(ref uint32, order uint8) {
	s.arena.release(ref, order)
	s.refund(pairBytes << order)
}
