package dedupe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	// closeEvery is the pause between two looks for quiet times that are over: a summary comes that late.
	closeEvery = time.Second
	// closeBatch bounds one look's summaries.
	closeBatch = 256
)

// Endings is the side of the window that knows which quiet times are over with something to tell.
type Endings interface {
	Ended(ctx context.Context, now time.Time, limit int) ([]pipeline.Ending, error)
	Closed(ctx context.Context, repeats []pipeline.Repeats) error
}

// Closer sums up quiet times that are over: an alert of its own goes the way of the first, when there were
// repeats since the last message and nothing has occurred that could have told them.
type Closer struct {
	endings Endings
	emit    func(context.Context, []pipeline.Alert) error
	log     *slog.Logger
}

// NewCloser makes a Closer. emit returns nil once the alerts are durable; a kill in between, and the same come
// again, with the same ids.
func NewCloser(e Endings, emit func(context.Context, []pipeline.Alert) error, log *slog.Logger) *Closer {
	return &Closer{endings: e, emit: emit, log: log}
}

// Run looks until ctx ends.
func (c *Closer) Run(ctx context.Context) error {
	tick := time.NewTicker(closeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if err := c.look(ctx, now); err != nil && ctx.Err() == nil {
				c.log.Warn("quiet times that are over could not be summed up; they stay due", "err", err)
			}
		}
	}
}

func (c *Closer) look(ctx context.Context, now time.Time) error {
	for ctx.Err() == nil {
		ended, err := c.endings.Ended(ctx, now, closeBatch)
		if err != nil {
			return fmt.Errorf("look for quiet times that are over: %w", err)
		}
		if len(ended) == 0 {
			return nil
		}
		alerts := make([]pipeline.Alert, len(ended))
		told := make([]pipeline.Repeats, len(ended))
		for i, e := range ended {
			alerts[i], told[i] = summary(e), e.Repeats
		}
		if err := c.emit(ctx, alerts); err != nil {
			return fmt.Errorf("bring %d summaries on their way: %w", len(alerts), err)
		}
		if err := c.endings.Closed(ctx, told); err != nil {
			return fmt.Errorf("note that %d quiet times were summed up: %w", len(told), err)
		}
	}
	return nil
}

// summary is the alert that opened a quiet time, standing for all of it.
func summary(e pipeline.Ending) pipeline.Alert {
	a := e.Alert
	a.ID = summaryID(e.ID)
	a.Episode, a.Closing = e.ID, true
	a.Count, a.FirstSeen, a.LastSeen = e.N+1, e.Opened, e.Last
	if e.Opened.After(e.Last) { // all repeats were late
		a.LastSeen = e.Opened
	}
	return a
}

// summaryID is a function of the alert's: summed up twice, it is one message.
func summaryID(id string) string {
	if space, err := uuid.Parse(id); err == nil {
		return uuid.NewSHA1(space, []byte("summary")).String()
	}
	sum := sha256.Sum256([]byte(id + "\nsummary"))
	return hex.EncodeToString(sum[:16])
}
