package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	// crowdedLook is the pause between two looks: nobody can act faster.
	crowdedLook = 10 * time.Second
	// crowdedSpell is how long no key has to be forgotten for it to be told again.
	crowdedSpell = time.Hour
)

// windowWatch tells when windows in memory have no room for all their keys: once for each time that lasts.
type windowWatch struct {
	host    string
	evicted func() uint64
	emit    func(pipeline.Alert) error

	seen   uint64
	latest time.Time // when a key was last found forgotten; zero: never
}

// run looks until ctx ends.
func (w *windowWatch) run(ctx context.Context) error { return every(ctx, crowdedLook, w.look) }

func (w *windowWatch) look(now time.Time) error {
	n := w.evicted()
	if n == w.seen {
		return nil
	}
	begins := w.latest.IsZero() || now.Sub(w.latest) >= crowdedSpell
	w.seen, w.latest = n, now
	if !begins {
		return nil
	}
	rule := internalRule{
		name:     "Windows crowded",
		desc:     "rules with a window count more keys than there is room for: the counts touched least recently begin anew",
		descZH:   "窗口规则的计数超出内存上限，最久未更新的计数已清零，可能漏报",
		priority: pipeline.Warning,
		every:    crowdedSpell,
	}
	output := fmt.Sprintf("windows crowded: %d keys were forgotten since the start; raise windows.max_keys or windows.max_bytes", n)
	if err := w.emit(rule.alert(w.host, output, pipeline.Fields{"window.evicted": n})); err != nil {
		return fmt.Errorf("tell of crowded windows: %w", err)
	}
	return nil
}

// evictedKeys are the keys that windows in this process's memory have forgotten for want of room.
func (a *app) evictedKeys() uint64 {
	var n uint64
	for _, m := range a.memories() {
		n += m.Evicted()
	}
	return n
}
