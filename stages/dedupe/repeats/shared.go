package repeats

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/shared"
)

//go:embed observe.lua
var observeLua string

//go:embed told.lua
var toldLua string

var (
	observeScript = shared.NewScript(observeLua)
	toldScript    = shared.NewScript(toldLua)
)

// Scripts are what the shared store has to know for Shared.
func Scripts() []*shared.Script { return []*shared.Script{observeScript, toldScript} }

// Shared remembers for a fleet. While the shared store does not answer in time, a Memory of this process
// takes over: its answers say Degraded, and it knows nothing of what the store knew, so that a quiet key is
// told once more. It is safe for concurrent use.
type Shared struct {
	store *shared.Store

	mu     sync.Mutex
	outage uint64
	local  *Memory // made anew each time the store goes away
}

// NewShared makes a Shared. The store was opened with Scripts.
func NewShared(store *shared.Store) *Shared { return &Shared{store: store, local: NewMemory(0)} }

// Observe shows occurrences, in order, in one round trip.
func (s *Shared) Observe(ctx context.Context, hits []pipeline.Hit) ([]pipeline.Seen, error) {
	seen, err := s.observe(ctx, hits)
	if !errors.Is(err, shared.ErrAway) {
		return seen, err
	}
	seen, err = s.standIn().Observe(ctx, hits)
	for i := range seen {
		seen[i].Degraded = true
	}
	return seen, err
}

func (s *Shared) observe(ctx context.Context, hits []pipeline.Hit) ([]pipeline.Seen, error) {
	keep := keepUntold.Microseconds()
	calls := make([]shared.Call, len(hits))
	for i, h := range hits {
		calls[i] = shared.Call{
			Keys: []string{keyOf(h.Key)},
			Args: []any{h.ID, h.At.UnixMicro(), h.For.Microseconds(), keep},
		}
	}
	replies, err := s.store.Run(ctx, observeScript, calls)
	if err != nil {
		return nil, err
	}
	seen := make([]pipeline.Seen, len(hits))
	for i, reply := range replies {
		answer, ok := numbers(reply)
		if !ok || len(answer) != 4 {
			return nil, fmt.Errorf("redis answered %v to a dedupe script", reply)
		}
		if answer[0] == 1 {
			seen[i] = pipeline.Seen{
				First: true, Count: uint64(answer[1]),
				FirstSeen: time.UnixMicro(answer[2]).UTC(), LastSeen: time.UnixMicro(answer[3]).UTC(),
			}
		}
	}
	return seen, nil
}

// numbers reads a reply of integers, which Lua also writes as text where they are large.
func numbers(reply any) ([]int64, bool) {
	list, ok := reply.([]any)
	if !ok {
		return nil, false
	}
	all := make([]int64, len(list))
	for i, v := range list {
		switch v := v.(type) {
		case int64:
			all[i] = v
		case string:
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				return nil, false
			}
			all[i] = n
		default:
			return nil, false
		}
	}
	return all, true
}

// Untold returns, for each episode, the repeats a message of it should add to its count.
func (s *Shared) Untold(ctx context.Context, of []pipeline.Episode) ([]pipeline.Repeats, error) {
	keys := make([]string, len(of))
	for i, o := range of {
		keys[i] = keyOf(o.Key)
	}
	replies, err := s.store.ReadHash(ctx, keys, "id", "repeats", "last")
	if errors.Is(err, shared.ErrAway) {
		return s.standIn().Untold(ctx, of)
	}
	if err != nil {
		return nil, err
	}
	repeats := make([]pipeline.Repeats, len(of))
	for i, reply := range replies {
		if repeats[i], err = untoldOf(of[i], reply); err != nil {
			return nil, err
		}
	}
	return repeats, nil
}

func untoldOf(of pipeline.Episode, reply any) (pipeline.Repeats, error) {
	r := pipeline.Repeats{Episode: of}
	v, _ := reply.([]any)
	if len(v) != 3 {
		return r, fmt.Errorf("redis answered %v to a question about repeats", reply)
	}
	id, _ := v[0].(string) // nil: the key has expired, and with it what there was to tell
	n, _ := v[1].(string)
	last, _ := v[2].(string)
	if id != of.ID || n == "" {
		return r, nil
	}
	count, countErr := strconv.ParseUint(n, 10, 64)
	us, lastErr := strconv.ParseInt(last, 10, 64)
	if err := errors.Join(countErr, lastErr); err != nil {
		return r, fmt.Errorf("redis holds damaged repeats: %w", err)
	}
	r.N, r.Last = count, time.UnixMicro(us).UTC()
	return r, nil
}

// Told notes that a message has shown these repeats. Saying it twice changes nothing.
func (s *Shared) Told(ctx context.Context, repeats []pipeline.Repeats) error {
	calls := make([]shared.Call, len(repeats))
	for i, r := range repeats {
		calls[i] = shared.Call{Keys: []string{keyOf(r.Key)}, Args: []any{r.ID, r.N, r.Last.UnixMicro()}}
	}
	_, err := s.store.Run(ctx, toldScript, calls)
	if errors.Is(err, shared.ErrAway) {
		// Of what the store knew, nobody can be told less by this: the next message repeats a count.
		return s.standIn().Told(ctx, repeats)
	}
	return err
}

// keyOf is hash-tagged, so that in a cluster all keys of a fingerprint live together.
func keyOf(key string) string { return "tocsin:{" + key + "}:dedupe" }

// standIn is the Memory of this outage.
func (s *Shared) standIn() *Memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, _ := s.store.Outage(); n != s.outage {
		s.outage, s.local = n, NewMemory(0)
	}
	return s.local
}
