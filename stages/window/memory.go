package window

import (
	"context"
	"hash/maphash"

	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	maxShards = 8 // so many goroutines rarely wait for each other
	// There is a shard for so many keys, or for one: what has to go goes from the shard that needs the room,
	// and of few keys the least recently touched may have been touched a moment ago.
	leastShardKeys = 4096
)

// Memory is the engine of one process; a restart forgets it. It is safe for concurrent use.
//
// Of keys, ids and values it keeps a hash of 64 bits with a seed of the process, which nobody outside can
// aim at. Two keys with the same hash would count as one, two values as one value; among a million keys
// that happens to any two once in forty million runs, among the values of a key far less.
type Memory struct {
	seed   maphash.Seed
	room   room
	shards []*shard
}

var _ Engine = (*Memory)(nil)

// NewMemory makes a Memory; cfg is valid.
func NewMemory(cfg Config) *Memory {
	n := 1
	for n < maxShards && cfg.MaxKeys/(2*n) >= leastShardKeys {
		n *= 2
	}
	m := &Memory{seed: maphash.MakeSeed(), shards: make([]*shard, n)}
	for i := range m.shards {
		m.shards[i] = newShard(cfg, &m.room)
	}
	return m
}

// Observe judges occurrences, in order.
func (m *Memory) Observe(_ context.Context, observed []pipeline.Observation) ([]pipeline.Judged, error) {
	judged := make([]pipeline.Judged, len(observed))
	for i := range observed {
		m.Judge(&observed[i], &judged[i])
	}
	return judged, nil
}

// Judge judges one occurrence. The slices of judged are used again; unless the window fires with values to
// show, nothing is allocated once its key is known.
func (m *Memory) Judge(o *pipeline.Observation, judged *pipeline.Judged) {
	key := m.hash(o.Key)
	this := occurrence{
		w: o.Window, o: o, key: key, at: o.At.UnixMicro(), arrived: o.Arrived.UnixMicro(),
		id: m.hash(o.ID), distinct: m.hash(o.Distinct), changed: m.hash(o.Changed), fresh: m.hash(o.New),
	}
	s := m.shards[key%uint64(len(m.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.judge(&this, judged)
}

// hash is 0 for nothing, and only for that.
func (m *Memory) hash(text string) uint64 {
	if text == "" {
		return 0
	}
	return max(maphash.String(m.seed, text), 1)
}

// Keys is how many keys are remembered, some of which may have expired.
func (m *Memory) Keys() int { return int(m.room.keys.Load()) }

// Bytes is what they take.
func (m *Memory) Bytes() int64 { return m.room.bytes.Load() }

// Evicted is how many keys were forgotten for want of room.
func (m *Memory) Evicted() uint64 { return m.room.evicted.Load() }
