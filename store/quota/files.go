package quota

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Files are the quotas of one process: in memory, and before anything is sent in a file for each robot, which outlives
// a kill. They are safe for concurrent use.
type Files struct {
	dir string
	now func() time.Time
	log *slog.Logger

	mu     sync.Mutex
	robots map[string]*window
}

var _ pipeline.Quotas = (*Files)(nil)

// Open opens the folder, and makes it if needed.
func Open(dir string, log *slog.Logger) (*Files, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of quotas: %w", err)
	}
	return &Files{dir: dir, now: time.Now, log: log, robots: map[string]*window{}}, nil
}

// Take is Quotas' Take.
func (f *Files) Take(_ context.Context, robot string, n int, limits []pipeline.Limit) (pipeline.Room, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.robot(robot)
	room, changed := w.take(f.now(), n, limits)
	if changed {
		f.save(robot, w)
	}
	return room, nil
}

// Freeze is Quotas' Freeze.
func (f *Files) Freeze(_ context.Context, robot string, until time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w := f.robot(robot); until.After(w.Frozen) {
		w.Frozen = until
		f.save(robot, w)
	}
	return nil
}

// robot needs f.mu.
func (f *Files) robot(name string) *window {
	w := f.robots[name]
	if w != nil {
		return w
	}
	w = &window{}
	f.robots[name] = w
	text, err := os.ReadFile(f.path(name))
	if err == nil {
		err = json.Unmarshal(text, w)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		*w = window{}
		f.log.Warn("what a robot was sent before cannot be read; for a minute it may get more than it takes", "robot", name, "err", err)
	}
	return w
}

// save goes on where it fails, on a full disk for example: what a robot was sent is in memory all the same, and an
// alert is not held up. It needs f.mu.
func (f *Files) save(name string, w *window) {
	text, err := json.Marshal(w)
	if err == nil {
		next := f.path(name) + ".tmp"
		if err = os.WriteFile(next, text, 0o600); err == nil {
			err = os.Rename(next, f.path(name))
		}
	}
	if err != nil {
		f.log.Warn("what a robot was sent is not on disk; after a restart it may get more than it takes", "robot", name, "err", err)
	}
}

func (f *Files) path(robot string) string { return filepath.Join(f.dir, robot+".json") }
