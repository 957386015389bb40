package groups

import (
	"context"
	"fmt"
	"time"

	"github.com/tocsin-security/tocsin/store/shared"
)

// Wake makes all groups that hold something back due now.
func (g *Shared) Wake(ctx context.Context, now time.Time) error {
	for shard := range shards {
		if err := g.wakeShard(ctx, now.UnixMicro(), names{tag: tagOf(shard)}); err != nil {
			return fmt.Errorf("wake groups: %w", err)
		}
	}
	return nil
}

func (g *Shared) wakeShard(ctx context.Context, now int64, n names) error {
	for cursor := "0"; ; {
		replies, err := g.store.Run(ctx, wakeScript, []shared.Call{{Keys: []string{n.holds(), n.wakes()}, Args: []any{cursor, scan}}})
		if err != nil {
			return err
		}
		page, _ := replies[0].([]any)
		if len(page) != 2 {
			return fmt.Errorf("redis answered %.80v to a question for groups", replies[0])
		}
		list, _ := page[1].([]any)
		calls := make([]shared.Call, len(list))
		for i, item := range list {
			n.name, _ = item.(string)
			calls[i] = shared.Call{Keys: []string{n.due(), n.group()}, Args: []any{n.name, now}}
		}
		if _, err := g.store.Run(ctx, wakeOneScript, calls); err != nil {
			return err
		}
		if cursor, _ = page[0].(string); cursor == "0" {
			return nil
		}
	}
}

// NextDue is the earliest time at which a group is due or a lease runs out; zero: nothing is there.
func (g *Shared) NextDue(ctx context.Context) (next time.Time, err error) {
	calls := make([]shared.Call, shards)
	for shard := range calls {
		calls[shard] = shared.Call{Keys: []string{tagOf(shard) + "due"}}
	}
	replies, err := g.store.Run(ctx, nextScript, calls)
	if err != nil {
		return next, fmt.Errorf("look for the next due group: %w", err)
	}
	for _, reply := range replies {
		list, _ := reply.([]any)
		if len(list) != 2 {
			continue
		}
		at, err := timeOf(list[1])
		if err != nil {
			return time.Time{}, err
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next, nil
}

// Due tells when groups are due.
func (g *Shared) Due(ctx context.Context, keys []string) (map[string]time.Time, error) {
	due := make(map[string]time.Time, len(keys))
	for len(keys) > 0 {
		some := keys[:min(len(keys), maxAsked)]
		keys = keys[len(some):]
		at := make([]string, len(some))
		for i, key := range some {
			at[i] = nameOf(key).group()
		}
		replies, err := g.store.ReadHash(ctx, at, "due")
		if err != nil {
			return nil, fmt.Errorf("look up groups: %w", err)
		}
		for i, reply := range replies {
			fields, _ := reply.([]any)
			if len(fields) != 1 || fields[0] == nil {
				continue
			}
			if due[some[i]], err = timeOf(fields[0]); err != nil {
				return nil, err
			}
		}
	}
	return due, nil
}

// maxAsked is how many keys a request asks for.
const maxAsked = 1000
