package bus

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// keep has nobody take the messages, those that are there included.
func (q *queue) keep() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.keeping, q.waiting = true, nil
	q.kept = slices.Sorted(maps.Keys(q.items))
}

func (q *queue) state() KeptState {
	q.mu.Lock()
	defer q.mu.Unlock()
	return KeptState{len(q.items), q.bytes, q.most}
}

// from is the first message with at least this number.
func (q *queue) from(number uint64) (Kept, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i, _ := slices.BinarySearch(q.kept, number)
	if i == len(q.kept) {
		return Kept{}, ErrNone
	}
	return q.keptItem(q.items[q.kept[i]])
}

func (q *queue) at(number uint64) (Kept, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.keptItem(q.items[number])
}

// keptItem needs q.mu.
func (q *queue) keptItem(it *item) (Kept, error) {
	if it == nil {
		return Kept{}, ErrNone
	}
	c, err := q.content(it)
	if err != nil {
		return Kept{}, fmt.Errorf("read message %d: %w", it.number, err)
	}
	return Kept{Number: it.number, At: time.Unix(0, it.at), Body: c.payload}, nil
}

// remove is durable when it returns.
func (q *queue) remove(number uint64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.items[number] == nil {
		return ErrNone
	}
	if err := q.write(appendDone(q.begin(), q.next, []uint64{number})); err != nil {
		return fmt.Errorf("remove message %d: %w", number, err)
	}
	return nil
}
