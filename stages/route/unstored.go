package route

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// maxUnstored bounds the sources that wait for the store. Those that there is no room for inhibit nothing: what they
// would is told.
const maxUnstored = 1024

// unstored are sources that the store did not take, the latest of each.
type unstored map[sourceKey]pipeline.Source

type sourceKey struct {
	key string
	of  pipeline.Fingerprint
}

// keep remembers sources.
func (u unstored) keep(sources []pipeline.Source, now time.Time) {
	maps.DeleteFunc(u, func(_ sourceKey, s pipeline.Source) bool { return !s.Ends.After(now.Add(-maxUnstoredEnd)) })
	for _, s := range sources {
		k := sourceKey{s.Key, s.Fingerprint}
		if _, known := u[k]; known || len(u) < maxUnstored {
			u[k] = s
		}
	}
}

// maxUnstoredEnd is for how long the end of a source is remembered, for a store that knows the source as going on.
const maxUnstoredEnd = time.Hour

// with is what waits and what comes, which is newer.
func (u unstored) with(sources []pipeline.Source) []pipeline.Source {
	if len(u) == 0 {
		return sources
	}
	return append(slices.Collect(maps.Values(u)), sources...)
}

// put stores what came, and the sources that the store did not take before. When one of them has ended, the groups it
// inhibited look again. It needs g.mu.
func (g *Grouper) put(ctx context.Context, now time.Time, in []pipeline.Inbox, sources []pipeline.Source) (next time.Time, absent []string, err error) {
	all := g.unstored.with(sources)
	if next, absent, err = g.deps.Groups.Put(ctx, now, in, all); err != nil {
		g.unstored.keep(sources, now)
		return next, nil, err
	}
	clear(g.unstored)
	if g.anyEnded(all, now) {
		if err := g.Wake(ctx); err != nil { // the alerts are stored: they must not come again
			g.deps.Log.Warn("what is no longer inhibited may be told late", "err", err)
		}
	}
	return next, absent, nil
}

// putUnstored tries again to store sources, before groups are looked at that they inhibit.
func (g *Grouper) putUnstored(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.unstored) == 0 {
		return nil
	}
	if _, _, err := g.put(ctx, time.Now(), nil, nil); err != nil {
		return fmt.Errorf("store what inhibits: %w", err)
	}
	return nil
}
