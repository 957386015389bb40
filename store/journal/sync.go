package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// syncEvery is how much a power cut may lose.
const syncEvery = time.Second

// Run brings what is written to the device, and removes files of which nothing is needed, until ctx ends: aside, since
// an Append that did it would take as long as the disk.
func (j *Journal) Run(ctx context.Context, log *slog.Logger) error {
	if j.torn > 0 {
		log.Warn("the end of a journal cannot be read, as after a power cut; it is left out", "journal", j.cfg.Dir, "bytes", j.torn)
	}
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := j.sync()
		if err != nil && !failing { // said once: it may last
			log.Warn("a journal could not be brought to the device; a power cut would lose what it has", "journal", j.cfg.Dir, "err", err)
		}
		failing = err != nil
	}
}

// sync also removes dead files: not before what makes them dead is on the device.
func (j *Journal) sync() error {
	j.mu.Lock()
	j.retire()
	unsynced, dead := j.unsynced, j.dead
	j.unsynced, j.dead = nil, nil
	j.mu.Unlock()
	var failed error
	for i, seg := range unsynced {
		if err := unix.Fdatasync(int(seg.file.Fd())); err != nil {
			failed = fmt.Errorf("sync the journal: %w", err)
			unsynced = unsynced[i:]
			break
		}
	}
	if failed != nil { // later
		j.mu.Lock()
		j.unsynced, j.dead = append(unsynced, j.unsynced...), append(dead, j.dead...)
		j.mu.Unlock()
		return failed
	}
	for _, seg := range dead {
		failed = errors.Join(failed, seg.file.Close(), os.Remove(j.name(seg.first)))
	}
	return failed
}
