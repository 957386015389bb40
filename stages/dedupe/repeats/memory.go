// Package repeats remembers what has been told to people and counts what repeats it. An episode opens with
// the first occurrence of a key and stays for that occurrence's quiet time; repeats inside it are
// counted for the next message. When their number reaches 10, 100, … one passes, and when the quiet time is
// over, what nobody was told of is summed up. There is a Memory, for a single process, and a Shared, for a
// fleet that counts as one; both pass the suite in repeatstest.
//
// An alert is never withheld because of trouble here: what is not known is a first occurrence.
package repeats

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// MaxKeys bounds a Memory, some 250 bytes a key. Above it a key is forgotten for each new one: its next
// occurrence is told again, early.
const MaxKeys = 1_000_000

// Engine is what both do; see Memory for the methods.
type Engine interface {
	Observe(ctx context.Context, hits []pipeline.Hit) ([]pipeline.Seen, error)
	Untold(ctx context.Context, of []pipeline.Episode) ([]pipeline.Repeats, error)
	Told(ctx context.Context, repeats []pipeline.Repeats) error
	Ended(ctx context.Context, now time.Time, limit int) ([]pipeline.Ending, error)
	Closed(ctx context.Context, repeats []pipeline.Repeats) error
}

var (
	_ Engine = (*Memory)(nil)
	_ Engine = (*Shared)(nil)
)

// Memory is the memory of one process. With a journal it outlives a kill. It is safe for concurrent use.
type Memory struct {
	max           int
	logger        *slog.Logger
	evicted       atomic.Uint64
	journalErrors atomic.Uint64

	mu       sync.Mutex
	keys     map[string]*entry
	ends     dueQueue
	contents int // bytes of all entries' alerts

	log     *log     // nil: there is no journal
	dirty   []string // keys that the journal has not as they are
	buf     []byte
	spare   [][]byte // buffers for alerts, which the journal has by now
	failing bool     // the journal has not worked since
}

// NewMemory makes a Memory of at most maxKeys keys, which a restart forgets; 0 means MaxKeys.
func NewMemory(maxKeys int) *Memory {
	if maxKeys <= 0 {
		maxKeys = MaxKeys
	}
	return &Memory{max: maxKeys, logger: slog.New(slog.DiscardHandler), keys: map[string]*entry{}}
}

// OpenMemory makes a Memory that knows what the journal holds, and writes there what it learns.
func OpenMemory(ctx context.Context, maxKeys int, j Journal, logger *slog.Logger) *Memory {
	m := NewMemory(maxKeys)
	m.logger, m.log = logger, &log{journal: j}
	m.load(ctx, time.Now().UnixMicro())
	return m
}

// Observe shows occurrences, in order. What it answers is in the journal when it returns.
func (m *Memory) Observe(ctx context.Context, hits []pipeline.Hit) ([]pipeline.Seen, error) {
	seen := make([]pipeline.Seen, len(hits))
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range hits {
		seen[i] = m.observe(&hits[i])
	}
	m.save(ctx)
	return seen, nil
}

func (m *Memory) observe(h *pipeline.Hit) pipeline.Seen {
	e := m.keys[h.Key]
	if e == nil {
		e = &entry{}
		m.makeRoom(h.At)
		m.keys[h.Key] = e
	}
	before := e.id
	seen := e.episode.observe(*h)
	if e.id != before {
		m.release(e)
	} else if seen.First {
		return seen // redelivered: nothing has changed
	}
	if seen.First && h.Alert != nil && h.For > 0 {
		m.keepAlert(e, content(m.buffer(), h.Alert))
	}
	if e.tally().due != 0 && !e.queued {
		m.queue(h.Key, e)
	}
	m.changed(h.Key, e)
	return seen
}

// keepAlert keeps what an episode is to be summed up with, as long as there is room.
func (m *Memory) keepAlert(e *entry, alert []byte) {
	if m.contents+len(alert) <= maxContents {
		e.alert = alert
		m.contents += len(alert)
	}
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
func (m *Memory) Told(ctx context.Context, repeats []pipeline.Repeats) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range repeats {
		if e := m.keys[r.Key]; e != nil && e.tell(r) {
			m.changed(r.Key, e)
		}
	}
	m.save(ctx)
	return nil
}

// Ended returns at most limit episodes that are over by now and have repeats nobody was told of. They are
// returned again, to another process too, until Closed has them.
func (m *Memory) Ended(ctx context.Context, now time.Time, limit int) ([]pipeline.Ending, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ended []pipeline.Ending
	var again []due
	for len(ended) < limit {
		d, ok := m.ends.next(now.UnixMicro())
		if !ok {
			break
		}
		e := m.keys[d.key]
		if e == nil || !e.queued {
			continue
		}
		e.queued = false
		switch at := e.tally().due; {
		case at == 0: // closed, or another episode by now
		case at > now.UnixMicro():
			m.queue(d.key, e)
		default:
			if found, ok := m.ending(ctx, d.key, e); ok {
				ended = append(ended, found)
				again = append(again, d)
			}
		}
	}
	for _, d := range again {
		m.queue(d.key, m.keys[d.key])
	}
	return ended, nil
}

// ending is what an episode that is over is summed up with; one that has nothing to tell is closed.
func (m *Memory) ending(ctx context.Context, key string, e *entry) (pipeline.Ending, bool) {
	if t := e.tally(); t.repeats > t.told {
		r := pipeline.Repeats{Episode: pipeline.Episode{Key: key, ID: e.id}, N: t.repeats, Last: timeOf(t.last)}
		if found, ok := ending(r, e.open, m.alertOf(ctx, key, e)); ok {
			return found, true
		}
	}
	m.close(key, e, pipeline.Repeats{Episode: pipeline.Episode{Key: key, ID: e.id}})
	return pipeline.Ending{}, false
}

// Closed notes that these episodes were summed up. Saying it twice changes nothing.
func (m *Memory) Closed(ctx context.Context, repeats []pipeline.Repeats) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range repeats {
		if e := m.keys[r.Key]; e != nil {
			m.close(r.Key, e, r)
		}
	}
	m.save(ctx)
	return nil
}

func (m *Memory) close(key string, e *entry, r pipeline.Repeats) {
	if e.close(r) {
		m.releaseAlert(e)
		m.changed(key, e)
	}
}

func (m *Memory) queue(key string, e *entry) {
	e.queued = true
	m.ends.add(due{e.tally().due, key})
}

// Evicted is how many keys were forgotten for want of room.
func (m *Memory) Evicted() uint64 { return m.evicted.Load() }

// JournalErrors is how many times the journal could not be written or read.
func (m *Memory) JournalErrors() uint64 { return m.journalErrors.Load() }

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
		expired := e.expires() < at
		if !expired && len(m.keys) >= m.max {
			m.evicted.Add(1)
			expired = true
		}
		if expired {
			m.release(e)
			delete(m.keys, k)
		}
		if looked++; looked == 2 {
			return
		}
	}
}
