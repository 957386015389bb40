package groupstest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// The clock stands still while claimers work, and then jumps over all leases: within a round no group has two
// callers, whether the first of them lives or has died.
const (
	rounds    = 4
	claimers  = 4
	producers = 2
	batches   = 30 // of a producer, in a round
)

// fleet is claimers that publish what they claim.
type fleet struct {
	t   *testing.T
	mu  sync.Mutex // guards what follows
	in  map[string]int
	out map[string]int    // alerts by how often a settlement took them
	own map[string]string // of this round: who has a group, or has died with it
}

func contention(t *testing.T, e Engine) {
	f := &fleet{t: t, in: map[string]int{}, out: map[string]int{}}
	handles := []Groups{e.Fresh()}
	for len(handles) < claimers+producers {
		next := handles[0]
		if e.Another != nil {
			next = e.Another()
		}
		handles = append(handles, next)
	}
	now := t0
	for round := range rounds {
		f.own = map[string]string{}
		var work sync.WaitGroup
		for i, g := range handles {
			if i < producers {
				work.Go(func() { f.produce(t.Context(), g, now, fmt.Sprint(round, ".", i)) })
			} else {
				work.Go(func() { f.consume(t.Context(), g, now, fmt.Sprint("claimer ", i), true) })
			}
		}
		work.Wait()
		now = now.Add(2 * Lease)
	}
	f.own = map[string]string{}
	f.consume(t.Context(), handles[0], now, "the last one", false)
	for id := range f.in {
		if f.out[id] != 1 {
			t.Errorf("alert %s was taken %d times, want once", id, f.out[id])
		}
	}
	if len(f.out) != len(f.in) {
		t.Errorf("%d alerts were taken, %d were put", len(f.out), len(f.in))
	}
}

func (f *fleet) produce(ctx context.Context, g Groups, now time.Time, name string) {
	for i := range batches {
		var in []pipeline.Inbox
		for j := range 1 + rand.IntN(4) {
			id := fmt.Sprintf("%s/%d/%d", name, i, j)
			in = append(in, lot(fmt.Sprint("group ", rand.IntN(12)), 0, id))
			f.mu.Lock()
			f.in[id]++
			f.mu.Unlock()
		}
		if _, _, err := g.Put(ctx, now, in, nil); err != nil {
			f.t.Errorf("Put: %v", err)
			return
		}
	}
}

// consume claims until a few claims in a row found nothing; one in eight groups it dies over, if it may.
func (f *fleet) consume(ctx context.Context, g Groups, now time.Time, name string, mayDie bool) {
	for idle := 0; idle < 20; idle++ {
		groups, err := g.Claim(ctx, now, 3)
		if err != nil {
			f.t.Errorf("Claim: %v", err)
			return
		}
		for _, c := range groups {
			idle = 0
			f.take(c.Key, name)
			if mayDie && rand.IntN(8) == 0 {
				continue
			}
			f.release(c.Key)
			lost, err := g.Settle(ctx, now, []pipeline.Settled{{Key: c.Key, Token: c.Token, Upto: c.Upto, Due: now, Gone: rand.IntN(2) == 0 || !mayDie}})
			if err != nil || len(lost) > 0 {
				f.t.Errorf("Settle of a group that %s has = %q, %v", name, lost, err)
				return
			}
			f.settled(c)
		}
	}
}

func (f *fleet) take(key, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if other := f.own[key]; other != "" {
		f.t.Errorf("%s has claimed %s, which is %s's", name, key, other)
	}
	f.own[key] = name
}

// release is done before the settlement, after which others may have it at once.
func (f *fleet) release(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.own, key)
}

func (f *fleet) settled(c pipeline.Claimed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range c.Alerts {
		f.out[a.ID]++
	}
}
