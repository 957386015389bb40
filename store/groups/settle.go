package groups

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/shared"
)

// maxChanges is how many changes of members go into one request at most.
const maxChanges = 2000

// Settle ends leases, and returns the keys of those that are not the caller's.
func (g *Shared) Settle(ctx context.Context, now time.Time, done []pipeline.Settled) (lost []string, err error) {
	var calls []shared.Call
	first, bytes := 0, 0
	for i := range done {
		call, size, err := g.settlement(ctx, now, &done[i])
		if err != nil {
			return lost, fmt.Errorf("note flushed groups: group %s: %w", done[i].Key, err)
		}
		calls = append(calls, call)
		if bytes += size; bytes < maxBytes && i < len(done)-1 {
			continue
		}
		replies, err := g.store.Run(ctx, settleScript, calls)
		if err != nil {
			return lost, fmt.Errorf("note flushed groups: %w", err)
		}
		for j, reply := range replies {
			if reply != int64(1) {
				lost = append(lost, done[first+j].Key)
			}
		}
		calls, first, bytes = nil, i+1, 0
	}
	return lost, nil
}

// settlement is the call that ends a lease. What is too large for it is staged.
func (g *Shared) settlement(ctx context.Context, now time.Time, d *pipeline.Settled) (call shared.Call, bytes int, err error) {
	n := nameOf(d.Key)
	token, more := strings.CutSuffix(d.Token, moreMark)
	due, ready := int64(0), any("")
	if !d.Due.IsZero() {
		due = d.Due.UnixMicro()
	}
	if !d.Ready.IsZero() {
		ready = d.Ready.UnixMicro()
	}
	changes, bytes, err := g.changes(ctx, n.staged(token), d)
	if err != nil {
		return call, 0, err
	}
	args := []any{n.name, token, now.UnixMicro(), d.Upto, flag(d.Gone), due, ready, flag(d.Holds), flag(more), notNil(d.State)}
	return shared.Call{
		Keys: []string{n.due(), n.group(), n.inbox(), n.members(), n.holds(), n.wakes(), n.staged(token)},
		Args: append(args, changes...),
	}, bytes + len(d.State), nil
}

// changes are those of members, as scripts have them: fingerprint, change … It stages all but the last of them when
// they are too many.
func (g *Shared) changes(ctx context.Context, staged string, d *pipeline.Settled) (changes []any, bytes int, err error) {
	add := func(of pipeline.Fingerprint, change []byte) error {
		if len(changes) >= 2*maxChanges || len(changes) > 0 && bytes+len(change) > maxBytes {
			if _, err := g.store.Run(ctx, stageScript, []shared.Call{{Keys: []string{staged}, Args: changes}}); err != nil {
				return err
			}
			changes, bytes = nil, 0
		}
		changes = append(changes, of.String(), change)
		bytes += len(change)
		return nil
	}
	for _, m := range d.Set {
		if err := add(m.Fingerprint, append([]byte("s"), m.Body...)); err != nil {
			return nil, 0, err
		}
	}
	for _, of := range d.Remove {
		if err := add(of, []byte("r")); err != nil {
			return nil, 0, err
		}
	}
	return changes, bytes, nil
}

// notNil is for an empty state.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
