package store

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// settleEvery is the pause between two times the log is brought to where its pages belong. Longer makes each take
// longer, and transactions wait for the same disk meanwhile; shorter writes a page that changes often more often.
const settleEvery = 250 * time.Millisecond

// Run brings the write-ahead log to where its pages belong, and syncs them, until ctx ends: aside, since a
// transaction that did it would take as long as the disk, and alerts wait for transactions.
func (s *Store) Run(ctx context.Context, log *slog.Logger) error {
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if !s.written.Swap(false) {
			continue
		}
		err := s.settle(ctx)
		if err != nil && ctx.Err() == nil && !failing { // said once: it may last
			log.Warn("the log of the store could not be written back; it grows meanwhile", "err", err)
		}
		failing = err != nil
	}
}

func (s *Store) settle(ctx context.Context) error {
	var busy, pages, done int
	if err := s.aside.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &done); err != nil {
		return s.explain(fmt.Sprintf("write the log back (%d of %d pages)", done, pages), err)
	}
	return nil
}
