package router

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/tocsin-security/tocsin/pipeline"
)

// handled are the latest alerts that were handled, as hashes of their keys: over a kill too, if there is a folder.
// A bus hands out again what was not acknowledged when a kill came, and whoever posted an alert and got no answer
// posts it again; the stages would tell it again, since they cannot know whether the first time came to its end.
//
// The file is written, not synced, when the alerts are where they belong and before they are acknowledged. What it
// says must be so; what it lacks (a kill in between) is told again at worst. Two generations are kept, so that it is
// bounded. It is safe for concurrent use.
type handled struct {
	dir string // "": memory alone

	mu       sync.Mutex // guards what follows
	now, old map[uint64]struct{}
	file     *os.File // of now
}

// maxHandledKeys is how many alerts a generation has: 40 bytes of memory each. A kill brings back what the bus had in
// flight, some thousands at most; producers try again for a minute or so.
const maxHandledKeys = 1 << 16

func openHandled(dir string) (*handled, error) {
	h := &handled{dir: dir, now: map[uint64]struct{}{}, old: map[uint64]struct{}{}}
	if dir == "" {
		return h, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of what was handled: %w", err)
	}
	for _, g := range []struct {
		name string
		keys map[uint64]struct{}
	}{{h.name() + ".old", h.old}, {h.name(), h.now}} {
		text, err := os.ReadFile(g.name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("read what was handled: %w", err)
		}
		for ; len(text) >= 8; text = text[8:] {
			g.keys[binary.LittleEndian.Uint64(text)] = struct{}{}
		}
	}
	return h, h.renew() // a record that a kill has cut would shift those behind it
}

func (h *handled) name() string { return filepath.Join(h.dir, "handled") }

// renew begins a generation. It needs h.mu, or to be alone.
func (h *handled) renew() error {
	if len(h.now) > 0 {
		h.old, h.now = h.now, make(map[uint64]struct{}, len(h.now))
	}
	if h.dir == "" {
		return nil
	}
	if h.file != nil {
		h.file.Close() // all of it is written: there is nothing left that could fail
		h.file = nil
	}
	var all []byte
	for key := range h.old {
		all = binary.LittleEndian.AppendUint64(all, key)
	}
	if err := os.WriteFile(h.name()+".tmp", all, 0o600); err != nil {
		return fmt.Errorf("write what was handled: %w", err)
	}
	if err := os.Rename(h.name()+".tmp", h.name()+".old"); err != nil {
		return fmt.Errorf("write what was handled: %w", err)
	}
	var err error
	if h.file, err = os.OpenFile(h.name(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
		return fmt.Errorf("write what was handled: %w", err)
	}
	return nil
}

// keyOf names an alert that must not be handled twice. Others say something new each time under one name: a stateful
// alert is posted again and again, an account has cumulative counts.
func keyOf(a *pipeline.Alert) (key uint64, ok bool) {
	if a.ID == "" || a.Stateful != nil || a.Covered != nil {
		return 0, false
	}
	h := fnv.New64a()
	io.WriteString(h, a.Key()) // a hash cannot fail
	return h.Sum64(), true
}

// fresh returns the alerts that were not handled before, each once.
func (h *handled) fresh(alerts []pipeline.Alert) []pipeline.Alert {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]pipeline.Alert, 0, len(alerts))
	here := make(map[uint64]struct{}, len(alerts))
	for i := range alerts {
		key, ok := keyOf(&alerts[i])
		_, now := h.now[key]
		_, old := h.old[key]
		_, twice := here[key]
		if ok && (now || old || twice) {
			continue
		}
		if ok {
			here[key] = struct{}{}
		}
		all = append(all, alerts[i])
	}
	return all
}

// add notes that alerts were handled.
func (h *handled) add(alerts []pipeline.Alert) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var records []byte
	for i := range alerts {
		if key, ok := keyOf(&alerts[i]); ok {
			h.now[key] = struct{}{}
			records = binary.LittleEndian.AppendUint64(records, key)
		}
	}
	if len(h.now) > maxHandledKeys {
		return h.renew()
	}
	if h.file == nil {
		return nil
	}
	if n, err := h.file.Write(records); err != nil {
		if n > 0 { // a disk that is full: a record that is cut would shift those behind it
			err = errors.Join(err, h.renew())
		}
		return fmt.Errorf("write what was handled: %w", err)
	}
	return nil
}

func (h *handled) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.file == nil {
		return nil
	}
	return h.file.Close()
}
