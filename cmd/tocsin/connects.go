package main

import (
	"context"
	"time"
)

// connectsPause is how often the kernel's counts of connects are taken over when nobody asks for the
// metrics: its map holds thousands of rows, and those of containers that are gone have to leave it.
const connectsPause = time.Minute

// refreshConnects takes over the kernel's counts of connects.
func (h *hot) refreshConnects() error {
	return h.connects.Refresh(time.Now(), h.sensor.Connects, h.sensor.ForgetConnects)
}

// followConnects refreshes them until ctx ends.
func (h *hot) followConnects(ctx context.Context) error {
	return every(ctx, connectsPause, func(time.Time) error {
		if err := h.refreshConnects(); err != nil {
			h.log.Warn("the kernel's counts of connects could not be read", "err", err)
		}
		return nil
	})
}
