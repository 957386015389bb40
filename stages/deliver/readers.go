package deliver

import (
	"context"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// readersRoom says how long it is until all whom a message is for have room for it; 0: they do. It takes nothing: what one of
// them had would be lost when another has none. What several routers take between the look and readersTake is within the
// margin of the limits.
func (q *Queue) readersRoom(ctx context.Context, c *Channel, m pipeline.Message, limits []pipeline.Limit) (wait time.Duration, err error) {
	left := slices.Clone(limits) // all at once: a reader's quota is kept as far back as the longest of them asks
	for i := range left {
		left[i].Most -= c.cost(m)
	}
	for _, reader := range c.readers(m) {
		room, err := q.cfg.Quotas.Take(ctx, reader, 0, left)
		if err != nil {
			return 0, err
		}
		wait = max(wait, room.Wait)
	}
	return wait, nil
}

// readersTake notes that a message goes to all whom it is for.
func (q *Queue) readersTake(ctx context.Context, c *Channel, m pipeline.Message) error {
	for _, reader := range c.readers(m) {
		if _, err := q.cfg.Quotas.Take(ctx, reader, c.cost(m), c.Limits); err != nil {
			return err
		}
	}
	return nil
}

func (c *Channel) readers(m pipeline.Message) []string {
	if c.Readers == nil {
		return nil
	}
	return c.Readers(m)
}
