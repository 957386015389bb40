package bus

import (
	"bytes"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tocsin-security/tocsin/store/journal"
)

const (
	// journalSlack is what may be dead in a journal beside as much as is alive; journalStep is how much that lives is
	// written again with one row.
	journalSlack = 16 << 20
	journalStep  = 512 << 10
	// maxInMemory is how much of what waits is held in memory, too; the rest is read from the journal.
	maxInMemory = 2 << 20
	// doneRetry is the wait after acknowledgements could not be written.
	doneRetry = time.Second
)

// queue is a topic of the embedded engine. All that happens to its messages is a row of entries in its journal, in
// one write; but for acknowledgements, which go with the next row, or right after: a kill may bring back what was
// acknowledged that moment. A process that applies the rows again knows what the one before did.
//
// It is safe for concurrent use.
type queue struct {
	journal *journal.Journal
	most    int64 // bytes that it may hold
	log     *slog.Logger

	mu       sync.Mutex // guards what follows
	next     uint64     // number of the next message
	items    map[uint64]*item
	waiting  waiting // those that are to be handed out
	keeping  bool    // nobody takes them; see Bus.Keep
	kept     []uint64
	bytes    int64 // of items
	inMemory int   // of these
	ids      ids
	done     []uint64 // needed no more, which the journal does not say yet
	row      []byte   // a buffer

	ready     chan struct{} // something waits
	unwritten chan struct{} // done is not empty
}

// item is a message that is there: waiting, in work, or kept.
type item struct {
	number    uint64
	at        int64 // ns since the epoch
	row       int64 // where the journal has it
	off, size uint32
	past      Past
	held      *content // nil: the journal has it
}

// openQueue opens the queue in a folder.
func openQueue(dir string, most int64, log *slog.Logger) (*queue, error) {
	j, err := journal.Open(journal.Config{Dir: dir, Slack: journalSlack, Step: journalStep})
	if err != nil {
		return nil, err
	}
	q := &queue{
		journal: j, most: most, log: log, next: 1, items: map[uint64]*item{}, ids: newIDs(),
		ready: make(chan struct{}, 1), unwritten: make(chan struct{}, 1),
	}
	err = j.Each(func(number int64, row []byte) {
		if err := q.apply(number, row); err != nil {
			log.Error("bus: a part of a topic cannot be read; what is in it is lost", "err", fmt.Errorf("row %d: %w", number, err))
		}
	})
	if err != nil {
		return nil, errors.Join(err, j.Close())
	}
	for _, it := range q.items {
		q.waiting = append(q.waiting, it)
	}
	heap.Init(&q.waiting)
	signal(q.ready)
	return q, nil
}

// signal wakes one who waits, or the next who will.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// publish stores messages: all, or none.
func (q *queue) publish(msgs []*message.Message) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	fresh := q.fresh(msgs, now)
	if len(fresh) == 0 {
		return nil
	}
	row, size := q.begin(), int64(0)
	first := q.next
	for i, m := range fresh {
		was := len(row)
		row = appendMessage(row, first+uint64(i), now, m)
		size += int64(len(row) - was)
	}
	var oldest []uint64
	for i := 0; q.bytes+size > q.most; i++ {
		if i == len(q.kept) {
			return ErrFull
		}
		it := q.items[q.kept[i]]
		oldest, size = append(oldest, it.number), size-int64(it.size)
	}
	if len(oldest) > 0 {
		row = appendDone(row, q.next, oldest)
	}
	if err := q.write(row); err != nil {
		return err
	}
	for i, m := range fresh {
		q.arrived(q.items[first+uint64(i)], m)
	}
	signal(q.ready)
	return nil
}

// fresh returns the messages whose ids are not known at now, each once. It needs q.mu.
func (q *queue) fresh(msgs []*message.Message, now time.Time) []*message.Message {
	all := make([]*message.Message, 0, len(msgs))
	here := make(map[string]bool, len(msgs))
	for _, m := range msgs {
		if !here[m.UUID] && !q.ids.has(m.UUID, now) {
			here[m.UUID] = true
			all = append(all, m)
		}
	}
	return all
}

// arrived has a new message wait, or be kept. It needs q.mu.
func (q *queue) arrived(it *item, m *message.Message) {
	if q.keeping {
		q.kept = append(q.kept, it.number)
		return
	}
	if q.inMemory+int(it.size) <= maxInMemory {
		q.hold(it, m)
	}
	heap.Push(&q.waiting, it)
}

// hold has a new message in memory, too. Its payload is the publisher's. It needs q.mu.
func (q *queue) hold(it *item, m *message.Message) {
	it.held = &content{uuid: m.UUID, metadata: maps.Clone(m.Metadata), carried: valueOf(m)}
	if it.held.carried == nil {
		it.held.payload = bytes.Clone(m.Payload)
	}
	q.inMemory += int(it.size)
}

// letGo has the journal alone have a message. It needs q.mu.
func (q *queue) letGo(it *item) {
	if it.held != nil {
		q.inMemory -= int(it.size)
		it.held = nil
	}
}

// note writes down what is known of attempts at a message.
func (q *queue) note(it *item, past Past) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.write(appendPast(q.begin(), it.number, past)); err != nil {
		return fmt.Errorf("note that a message is under way: %w", err)
	}
	return nil
}

// acknowledge is for a message that is dealt with.
func (q *queue) acknowledge(it *item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.forget(it)
	q.done = append(q.done, it.number)
	signal(q.unwritten)
}

// flush writes what is done.
func (q *queue) flush() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.done) == 0 {
		return nil
	}
	return q.write(q.begin())
}

// run brings the journal to the device, and to it what is done, until ctx ends.
func (q *queue) run(ctx context.Context) {
	var tidying sync.WaitGroup
	tidying.Go(func() { _ = q.journal.Run(ctx, q.log) }) // it logs what fails
	defer tidying.Wait()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.unwritten: // by the time that it is this one's turn there are several, on a machine that is busy
		}
		err := q.flush()
		if err != nil && !failing { // said once: it may last
			q.log.Warn("bus: acknowledgements cannot be written; after a kill these messages would come again", "err", err)
		}
		if failing = err != nil; failing {
			select {
			case <-ctx.Done():
			case <-time.After(doneRetry):
			}
			signal(q.unwritten)
		}
	}
}

// close writes what is left to write. run has ended.
func (q *queue) close() error { return errors.Join(q.flush(), q.journal.Close()) }
