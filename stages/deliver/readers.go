package deliver

import (
	"context"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// room takes the room that a message needs in its robot's quota, and in those of its readers, or says how long to wait for it.
func (q *Queue) room(ctx context.Context, c *Channel, m pipeline.Message, limits []pipeline.Limit) (wait time.Duration, err error) {
	var readers []string
	if c.Readers != nil {
		readers = c.Readers(m)
		q.reading.Lock()
		defer q.reading.Unlock()
	}
	n := c.cost(m)
	if wait, err = q.readersWait(ctx, readers, n, limits); err != nil || wait > 0 {
		return wait, err
	}
	room, err := q.cfg.Quotas.Take(ctx, c.Robot, n, limits)
	if err != nil || room.Wait > 0 {
		return room.Wait, err
	}
	for _, reader := range readers {
		if _, err := q.cfg.Quotas.Take(ctx, reader, n, c.Limits); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// readersWait says how long it is until all readers have room for n requests; 0: they do. It takes nothing: what one of them
// had would be lost when another has none. What several routers take between this look and the taking is within the margin of
// the limits.
func (q *Queue) readersWait(ctx context.Context, readers []string, n int, limits []pipeline.Limit) (wait time.Duration, err error) {
	left := slices.Clone(limits) // all at once: a reader's quota is kept as far back as the longest of them asks
	for i := range left {
		left[i].Most -= n
	}
	for _, reader := range readers {
		room, err := q.cfg.Quotas.Take(ctx, reader, 0, left)
		if err != nil {
			return 0, err
		}
		wait = max(wait, room.Wait)
	}
	return wait, nil
}
