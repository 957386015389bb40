// Package repeats remembers what has been told to people and counts what repeats it. An episode opens with
// the first occurrence of a key and stays for that occurrence's quiet time; repeats inside it are
// counted for the next message. There is a Memory, for a single process, and a Shared, for a fleet that
// counts as one; both pass the suite in repeatstest.
//
// An alert is never withheld because of trouble here: what is not known is a first occurrence.
package repeats

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// MaxKeys bounds a Memory, some 200 bytes a key. Above it a key is forgotten for each new one: its next
// occurrence is told again, early.
const MaxKeys = 1_000_000

// Engine is what both do; see Memory for the methods.
type Engine interface {
	Observe(ctx context.Context, hits []pipeline.Hit) ([]pipeline.Seen, error)
	Untold(ctx context.Context, of []pipeline.Episode) ([]pipeline.Repeats, error)
	Told(ctx context.Context, repeats []pipeline.Repeats) error
}

var (
	_ Engine = (*Memory)(nil)
	_ Engine = (*Shared)(nil)
)

// Memory is the memory of one process; a restart forgets it. It is safe for concurrent use.
type Memory struct {
	max     int
	evicted atomic.Uint64

	mu   sync.Mutex
	keys map[string]*episode
}

// NewMemory makes a Memory of at most maxKeys keys; 0 means MaxKeys.
func NewMemory(maxKeys int) *Memory {
	if maxKeys <= 0 {
		maxKeys = MaxKeys
	}
	return &Memory{max: maxKeys, keys: map[string]*episode{}}
}

// Observe shows occurrences, in order.
func (m *Memory) Observe(_ context.Context, hits []pipeline.Hit) ([]pipeline.Seen, error) {
	seen := make([]pipeline.Seen, len(hits))
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, h := range hits {
		e := m.keys[h.Key]
		if e == nil {
			e = &episode{}
			m.makeRoom(h.At)
			m.keys[h.Key] = e
		}
		seen[i] = e.observe(h)
	}
	return seen, nil
}

// Untold returns, for each episode, the repeats a message of it should add to its count.
func (m *Memory) Untold(_ context.Context, of []pipeline.Episode) ([]pipeline.Repeats, error) {
	repeats := make([]pipeline.Repeats, len(of))
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, o := range of {
		repeats[i] = pipeline.Repeats{Episode: o}
		if e := m.keys[o.Key]; e != nil {
			repeats[i] = e.untold(o)
		}
	}
	return repeats, nil
}

// Told notes that a message has shown these repeats. Saying it twice changes nothing.
func (m *Memory) Told(_ context.Context, repeats []pipeline.Repeats) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range repeats {
		if e := m.keys[r.Key]; e != nil {
			e.tell(r)
		}
	}
	return nil
}

// Evicted is how many keys were forgotten for want of room.
func (m *Memory) Evicted() uint64 { return m.evicted.Load() }

// Len is how many keys are remembered.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.keys)
}

// makeRoom is called for every new key and looks at two others, so that what has expired goes about as
// fast as new keys come, without a sweep that stops the world. A map's order of iteration starts at
// random, which is what makes this fair.
func (m *Memory) makeRoom(now time.Time) {
	looked, at := 0, now.UnixMicro()
	for k, e := range m.keys {
		if e.expires() < at {
			delete(m.keys, k)
		} else if len(m.keys) >= m.max {
			delete(m.keys, k)
			m.evicted.Add(1)
		}
		if looked++; looked == 2 {
			return
		}
	}
}
