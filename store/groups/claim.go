package groups

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/shared"
)

// takeAtOnce is how many groups are taken with one request, each with so much of what it holds; the rest takes
// further requests.
const (
	takeAtOnce  = 32
	withRows    = maxBytes / takeAtOnce
	withMembers = 64
)

// moreMark ends the token of a claim that did not have all of the inbox: its settlement has to know.
const moreMark = "+"

// popped is a group that is about to be taken.
type popped struct {
	name string
	tag  string
	at   int64 // when it was due
}

// Claim leases at most limit due groups to the caller, those that are longest due in each shard.
func (g *Shared) Claim(ctx context.Context, now time.Time, limit int) ([]pipeline.Claimed, error) {
	until := now.Add(lease).UnixMicro()
	due, err := g.pop(ctx, now.UnixMicro(), until, limit)
	if err != nil {
		return nil, fmt.Errorf("claim due groups: %w", err)
	}
	slices.SortStableFunc(due, func(a, b popped) int { return cmp.Compare(a.at, b.at) })
	var claimed []pipeline.Claimed
	room := maxInbox
	for some := range slices.Chunk(due, takeAtOnce) {
		taken, err := g.take(ctx, some, until, &room)
		claimed = append(claimed, taken...)
		if err != nil && len(claimed) == 0 {
			return nil, fmt.Errorf("claim due groups: %w", err)
		}
		if err != nil {
			break // what was not taken is due again when its lease ends
		}
	}
	return claimed, nil
}

// pop takes due groups out of the shards' sets: of each shard as many as of the others, as far as there are.
func (g *Shared) pop(ctx context.Context, now, until int64, limit int) ([]popped, error) {
	var due []popped
	asked := make([]int, shards)
	begin := int(g.begin.Add(1) % shards)
	for i := range asked {
		asked[i] = (begin + i) % shards
	}
	for len(asked) > 0 && len(due) < limit {
		left := limit - len(due)
		some := asked[:min(left, len(asked))]
		each := left / len(some)
		calls := make([]shared.Call, len(some))
		for i, shard := range some {
			calls[i] = shared.Call{Keys: []string{tagOf(shard) + "due"}, Args: []any{now, until, each}}
		}
		replies, err := g.store.Run(ctx, popScript, calls)
		if err != nil {
			return nil, err
		}
		again := asked[len(some):]
		for i, reply := range replies {
			got, err := poppedOf(tagOf(some[i]), reply)
			if err != nil {
				return nil, err
			}
			if due = append(due, got...); len(got) == each {
				again = append(again, some[i])
			}
		}
		asked = again
	}
	return due, nil
}

func poppedOf(tag string, reply any) ([]popped, error) {
	list, _ := reply.([]any)
	var due []popped
	for i := 0; i+1 < len(list); i += 2 {
		name, _ := list[i].(string)
		at, err := numberOf(list[i+1])
		if err != nil {
			return nil, err
		}
		due = append(due, popped{name, tag, at})
	}
	return due, nil
}

// take leases groups that were popped, and reads what they hold. On an error it returns those that are complete.
func (g *Shared) take(ctx context.Context, due []popped, until int64, room *int) ([]pipeline.Claimed, error) {
	calls := make([]shared.Call, len(due))
	tokens := make([]string, len(due))
	for i, p := range due {
		n := names{p.name, p.tag}
		tokens[i] = g.me + "." + strconv.FormatUint(g.claims.Add(1), 36)
		calls[i] = shared.Call{
			Keys: []string{n.due(), n.group(), n.inbox(), n.members(), n.wakes()},
			Args: []any{n.name, tokens[i], until, maxRows, withRows, withMembers},
		}
	}
	replies, err := g.store.Run(ctx, takeScript, calls)
	if err != nil {
		return nil, err
	}
	var claimed []pipeline.Claimed
	for i, reply := range replies {
		if reply == nil {
			continue // another has it, or it is gone
		}
		t, err := takenOf(reply)
		if err != nil {
			return claimed, err
		}
		t.Token = tokens[i]
		if err := g.readAll(ctx, names{due[i].name, due[i].tag}, t, room); err != nil {
			return claimed, fmt.Errorf("group %s: %w", t.Key, err)
		}
		claimed = append(claimed, t.Claimed)
	}
	return claimed, nil
}
