package deliver

import (
	"context"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// readersWait is how long to wait for room in the quotas of those whom a message is for; 0: there is.
const readersWait = time.Second

// readersRoom looks whether all whom a message is for have room for it. It takes nothing: what one of them had would be lost
// when another has none. What several routers take between the look and readersTake is within the margin of the limits.
func (q *Queue) readersRoom(ctx context.Context, c *Channel, m pipeline.Message, limits []pipeline.Limit) (wait time.Duration, err error) {
	for _, reader := range c.readers(m) {
		for _, limit := range limits {
			room, err := q.cfg.Quotas.Take(ctx, reader, 0, []pipeline.Limit{limit})
			if err != nil {
				return 0, err
			}
			if room.Used > 0 && room.Used+c.cost(m) > limit.Most {
				return readersWait, nil
			}
		}
	}
	return 0, nil
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
