package groups

import (
	"context"
	"fmt"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/shared"
)

// maxSources is how many sources of a key, of either kind, are told: enough to find one that is not the alert itself
// and lasts.
const maxSources = 64

// putSources takes sources; those of the same keys that are over are forgotten.
func (g *Shared) putSources(ctx context.Context, now time.Time, sources []pipeline.Source) error {
	calls := make([]shared.Call, len(sources))
	for i, s := range sources {
		one, both := sourcesOf(s.Key)
		if s.Both {
			one, both = both, one
		}
		calls[i] = shared.Call{Keys: []string{one, both}, Args: []any{now.UnixMicro(), s.Fingerprint.String(), s.Ends.UnixMicro()}}
	}
	if _, err := g.store.Run(ctx, sourceScript, calls); err != nil {
		return fmt.Errorf("store what inhibits: %w", err)
	}
	return nil
}

// Sources returns what inhibits by these keys at now.
func (g *Shared) Sources(ctx context.Context, now time.Time, keys []string) ([]pipeline.Source, error) {
	var asked []string
	var calls []shared.Call
	seen := make(map[string]bool, len(keys))
	for _, key := range keys {
		if seen[key] {
			continue
		}
		seen[key] = true
		one, both := sourcesOf(key)
		asked = append(asked, key)
		calls = append(calls, shared.Call{Keys: []string{one, both}, Args: []any{now.UnixMicro(), maxSources}})
	}
	replies, err := g.store.Run(ctx, sourcesScript, calls)
	if err != nil {
		return nil, fmt.Errorf("look for what inhibits: %w", err)
	}
	var sources []pipeline.Source
	for i, reply := range replies {
		kinds, _ := reply.([]any)
		for kind, list := range kinds {
			some, err := sourcesIn(list)
			if err != nil {
				return nil, err
			}
			for _, s := range some {
				s.Key, s.Both = asked[i], kind == 1
				sources = append(sources, s)
			}
		}
	}
	return sources, nil
}

func sourcesIn(reply any) ([]pipeline.Source, error) {
	list, _ := reply.([]any)
	var sources []pipeline.Source
	for i := 0; i+1 < len(list); i += 2 {
		var s pipeline.Source
		fingerprint, _ := list[i].(string)
		if err := s.Fingerprint.UnmarshalText([]byte(fingerprint)); err != nil {
			return nil, fmt.Errorf("a source in redis is named %.40q: %w", fingerprint, err)
		}
		var err error
		if s.Ends, err = timeOf(list[i+1]); err != nil {
			return nil, err
		}
		sources = append(sources, s)
	}
	return sources, nil
}
