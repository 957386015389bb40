package groups

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/journal"
)

// Bounds of the journal of a Memory: what may be dead in it beside as much as is alive, and how much that lives is
// written again with one change.
const (
	journalSlack = 16 << 20
	journalStep  = 512 << 10
)

// Memory keeps the groups of one process: when they are due in memory, what they hold in a journal. All that happens
// to groups is a row of entries (see entry), written before it is applied, so that a process which applies the rows
// again knows what the one before did. Claims of an earlier process are void.
//
// It is safe for concurrent use.
type Memory struct {
	journal *journal.Journal
	log     *slog.Logger

	mu       sync.Mutex // guards what follows
	groups   map[id]*group
	order    order // by when they can be claimed
	holding  int   // how many hold something back
	held     int   // alerts of lots that are in memory, too
	sources  map[string][]source
	sweep    time.Time    // when sources that are over are looked for next
	ways     map[way]*way // each kept once
	lastMark int64
	token    int64 // the next claim's
	woken    int64 // claims below this one were made before the latest Wake
	row      []byte
}

// group is what memory has of a group.
type group struct {
	id     id
	way    *way
	labels uint64 // hash of them, as the journal has them
	status
	meaning *meaning // nil: the journal alone has it
	place   int      // in order; below 0: it is not there
	meta    piece
	times   piece
	state   piece // size 0: it has none
	inbox   []lot // the oldest first
	members map[pipeline.Fingerprint]piece
}

// way is the route and the receiver of groups.
type way struct{ route, receiver string }

// status is when a group can be claimed, and who has it. Times are µs since the epoch.
type status struct {
	at    int64 // when it can be claimed: when it is due, or its lease ends
	due   int64 // when it is due, or was when it was claimed
	ready int64 // 0: at any time
	wish  int64 // when alerts that came since it was claimed are due; 0: none came
	token int64 // of the claim; 0: it is not claimed
	more  bool  // the claim did not have all that was there
	holds bool  // Wake makes it due
}

// piece is where the journal has an entry.
type piece struct {
	row       int64
	off, size uint32
}

// lot is what a batch brought to a group.
type lot struct {
	piece
	mark   int64
	alerts int
	held   []pipeline.Alert // empty: the journal alone has them
}

// source is a pipeline.Source, and where the journal has it.
type source struct {
	pipeline.Source
	piece
}

// OpenMemory opens the groups in a folder. What cannot be read of them is logged.
func OpenMemory(dir string, log *slog.Logger) (*Memory, error) {
	return openMemory(journal.Config{Dir: dir, Slack: journalSlack, Step: journalStep}, log)
}

func openMemory(cfg journal.Config, log *slog.Logger) (*Memory, error) {
	j, err := journal.Open(cfg)
	if err != nil {
		return nil, err
	}
	m := &Memory{
		journal: j, log: log,
		groups: map[id]*group{}, sources: map[string][]source{}, ways: map[way]*way{},
		token: 1 + rand.Int64N(1<<61), // a token of another process is none of ours
	}
	if err := m.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("read the groups: %w", err), j.Close())
	}
	return m, nil
}

// load applies what is in the journal.
func (m *Memory) load() error {
	damaged := 0
	err := m.journal.Each(func(number int64, row []byte) {
		if err := m.apply(number, row); err != nil {
			m.log.Error("a part of the groups cannot be read; what is in it is lost", "err", fmt.Errorf("row %d: %w", number, err))
		}
	})
	if err != nil {
		return err
	}
	for _, g := range m.groups {
		if g.meta.size == 0 {
			damaged++
			m.remove(g)
			continue
		}
		if g.token != 0 {
			g.at = g.due
			m.order.fix(g)
		}
	}
	if damaged > 0 {
		m.log.Error("groups whose names cannot be read are lost", "groups", damaged)
	}
	return nil
}

// Run keeps the journal tidy until ctx ends. It has to run beside.
func (m *Memory) Run(ctx context.Context) error { return m.journal.Run(ctx, m.log) }

// Close closes the journal.
func (m *Memory) Close() error { return m.journal.Close() }

// write makes a row of entries true: in the journal, then in memory. It needs m.mu. On an error nothing has changed.
func (m *Memory) write(row []byte) error {
	if len(row) == 0 {
		return nil
	}
	number, err := m.journal.Append(row)
	if err != nil {
		return err
	}
	return m.apply(number, row)
}

// begin begins a row, with what lives in the oldest ones where these should go. It needs m.mu.
func (m *Memory) begin() []byte {
	row := m.row[:0]
	err := m.journal.EachStale(func(number int64, old []byte) error {
		return eachEntry(old, func(e *entry) error {
			if m.lives(number, e) {
				row = append(row, old[e.off:e.off+e.size]...)
			}
			return nil
		})
	})
	if err != nil {
		m.log.Error("a part of the groups cannot be read", "err", err)
	}
	return row
}

// keep keeps the buffer of a row, unless it is unusually large.
func (m *Memory) keep(row []byte) {
	if cap(row) <= 2*journalStep {
		m.row = row
	}
}

// Wake makes all groups that hold something back due now.
func (m *Memory) Wake(_ context.Context, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.woken = m.token
	if m.holding == 0 {
		return nil
	}
	at, row := now.UnixMicro(), m.begin()
	for _, g := range m.groups {
		if g.holds && g.token == 0 && g.at > at {
			s := g.status
			s.at, s.due = at, at
			row = appendTimes(row, g.id, &s)
		}
	}
	defer m.keep(row)
	if err := m.write(row); err != nil {
		return fmt.Errorf("wake groups: %w", err)
	}
	return nil
}

// NextDue is the earliest time at which a group is due or a lease runs out; zero: nothing is there.
func (m *Memory) NextDue(context.Context) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.order) == 0 {
		return time.Time{}, nil
	}
	return time.UnixMicro(m.order[0].at), nil
}

// Due tells when groups are due.
func (m *Memory) Due(_ context.Context, keys []string) (map[string]time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	due := make(map[string]time.Time, len(keys))
	for _, key := range keys {
		if g := m.groups[idOf(key)]; g != nil {
			due[key] = time.UnixMicro(g.due)
		}
	}
	return due, nil
}
