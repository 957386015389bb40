package bus

import (
	"container/heap"
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"golang.org/x/sync/semaphore"

	"github.com/tocsin-security/tocsin/store/journal"
)

// waiting is a heap of messages by their numbers.
type waiting []*item

func (w waiting) Len() int           { return len(w) }
func (w waiting) Less(i, j int) bool { return w[i].number < w[j].number }
func (w waiting) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }

// Push is the heap's.
func (w *waiting) Push(x any) { *w = append(*w, x.(*item)) }

// Pop is the heap's.
func (w *waiting) Pop() any {
	last := len(*w) - 1
	it := (*w)[last]
	(*w)[last] = nil
	*w = (*w)[:last]
	return it
}

// take waits for a message to hand out; nil: ctx has ended.
func (q *queue) take(ctx context.Context) *item {
	for ctx.Err() == nil {
		q.mu.Lock()
		if len(q.waiting) > 0 {
			it := heap.Pop(&q.waiting).(*item)
			if len(q.waiting) > 0 {
				signal(q.ready) // for another member
			}
			q.mu.Unlock()
			return it
		}
		q.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-q.ready:
		}
	}
	return nil
}

// putBack has a message that was taken wait again.
func (q *queue) putBack(it *item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	heap.Push(&q.waiting, it)
	signal(q.ready)
}

// content is what a message says. It needs q.mu.
func (q *queue) content(it *item) (c *content, err error) {
	if it.held != nil {
		return it.held, nil
	}
	text, err := q.journal.Part(nil, it.row, int(it.off), int(it.size))
	if err != nil {
		return nil, err
	}
	err = eachEntry(text, func(e entry) (err error) {
		c, err = readContent(e)
		return err
	})
	if c == nil {
		err = errors.Join(err, journal.ErrCut)
	}
	return c, err
}

// message makes what is handed out; nil: it cannot be read, and is given up.
func (q *queue) message(ctx context.Context, it *item) *message.Message {
	q.mu.Lock()
	c, err := q.content(it)
	if err == nil && c.carried != nil {
		q.letGo(it)
	}
	past := it.past
	q.mu.Unlock()
	if err != nil {
		q.log.Error("bus: a message cannot be read; it is lost", "number", it.number, "err", err)
		q.acknowledge(it)
		return nil
	}
	m := message.NewMessage(c.uuid, c.payload)
	maps.Copy(m.Metadata, c.metadata)
	m.SetContext(withOrigin(ctx, handedOut{q, it, past, c.carried}))
	return m
}

// queueSubscriber hands out the messages of queues.
type queueSubscriber struct {
	engine *embedded
	most   InFlight
	*subscriptions
}

var _ message.Subscriber = (*queueSubscriber)(nil)

// Subscribe hands out the topic's messages until ctx ends or the subscriber is closed; then it takes no
// more, waits for what is being worked on, and closes the channel. A message's context ends when the
// subscription is stopping: its handler should finish or refuse it soon.
func (s *queueSubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	q, err := s.engine.queue(topic)
	if err != nil {
		return nil, err
	}
	out := make(chan *message.Message)
	s.start(ctx, func(ctx context.Context) {
		defer close(out)
		s.feed(ctx, q, out)
	})
	return out, nil
}

// feed hands messages out, as many at once as may be worked on, until ctx ends and all of them are done.
func (s *queueSubscriber) feed(ctx context.Context, q *queue, out chan<- *message.Message) {
	slots, bytes := semaphore.NewWeighted(int64(s.most.Messages)), semaphore.NewWeighted(s.most.Bytes)
	var working sync.WaitGroup
	defer working.Wait()
	for slots.Acquire(ctx, 1) == nil {
		it := q.take(ctx)
		if it == nil {
			return
		}
		size := min(int64(it.size), s.most.Bytes)
		if bytes.Acquire(ctx, size) != nil {
			q.putBack(it)
			return
		}
		done := func() { bytes.Release(size); slots.Release(1) }
		m := q.message(ctx, it)
		if m == nil {
			done()
			continue
		}
		select {
		case out <- m:
		case <-ctx.Done():
			q.putBack(it)
			return
		}
		working.Go(func() {
			defer done()
			q.await(ctx, it, m)
		})
	}
}

// await waits until a message is acknowledged or refused.
func (q *queue) await(ctx context.Context, it *item, m *message.Message) {
	select {
	case <-m.Acked():
		q.acknowledge(it)
	case <-m.Nacked():
		if ctx.Err() != nil {
			q.putBack(it) // at once to another member
		} else {
			time.AfterFunc(nackDelay, func() { q.putBack(it) })
		}
	}
}
