package repeats

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/shared"
)

//go:embed observe.lua
var observeLua string

//go:embed keep.lua
var keepLua string

//go:embed told.lua
var toldLua string

//go:embed ended.lua
var endedLua string

var (
	observeScript = shared.NewScript(observeLua)
	keepScript    = shared.NewScript(keepLua)
	toldScript    = shared.NewScript(toldLua)
	endedScript   = shared.NewScript(endedLua)
)

// Scripts are what the shared store has to know for Shared.
func Scripts() []*shared.Script {
	return []*shared.Script{observeScript, keepScript, toldScript, endedScript}
}

// Shared remembers for a fleet. While the shared store does not answer in time, a Memory of this process
// takes over: its answers say Degraded, and it knows nothing of what the store knew, so that a quiet key is
// told once more. It is safe for concurrent use.
type Shared struct {
	store   *shared.Store
	standIn *shared.StandIn[*Memory]
}

// NewShared makes a Shared. The store was opened with Scripts.
func NewShared(store *shared.Store) *Shared {
	return &Shared{store, shared.NewStandIn(store, func() *Memory { return NewMemory(0) })}
}

// Observe shows occurrences, in order, in one round trip; one more keeps what was first for its summary.
func (s *Shared) Observe(ctx context.Context, hits []pipeline.Hit) ([]pipeline.Seen, error) {
	seen, err := s.observe(ctx, hits)
	if err == nil {
		err = s.keep(ctx, hits, seen)
		if errors.Is(err, shared.ErrAway) {
			err = nil // the answers are good; without the alert the next message tells the repeats
		}
		return seen, err
	}
	if !errors.Is(err, shared.ErrAway) {
		return seen, err
	}
	seen, err = s.standIn.Get().Observe(ctx, hits)
	for i := range seen {
		seen[i].Degraded = true
	}
	return seen, err
}

func (s *Shared) observe(ctx context.Context, hits []pipeline.Hit) ([]pipeline.Seen, error) {
	keep, grace := keepUntold.Microseconds(), Grace.Microseconds()
	calls := make([]shared.Call, len(hits))
	for i, h := range hits {
		name := h.Key
		if h.Alert == nil {
			name = ""
		}
		calls[i] = shared.Call{
			Keys: []string{keyOf(h.Key), dueKey(h.Key)},
			Args: []any{h.ID, h.At.UnixMicro(), h.For.Microseconds(), keep, arrival(h), h.Escalate, grace, name},
		}
	}
	replies, err := s.store.Run(ctx, observeScript, calls)
	if err != nil {
		return nil, err
	}
	seen := make([]pipeline.Seen, len(hits))
	for i, reply := range replies {
		if seen[i], err = seenOf(reply); err != nil {
			return nil, err
		}
	}
	return seen, nil
}

func seenOf(reply any) (pipeline.Seen, error) {
	list, _ := reply.([]any)
	if len(list) != 5 {
		return pipeline.Seen{}, fmt.Errorf("redis answered %v to a dedupe script", reply)
	}
	answer, ok := numbers(list[:4])
	episode, isText := list[4].(string)
	if !ok || !isText {
		return pipeline.Seen{}, fmt.Errorf("redis answered %v to a dedupe script", reply)
	}
	if answer[0] == 0 {
		return pipeline.Seen{}, nil
	}
	return pipeline.Seen{
		First: answer[0] == 1, Escalated: answer[0] == 2, Episode: episode, Count: uint64(answer[1]),
		FirstSeen: timeOf(answer[2]), LastSeen: timeOf(answer[3]),
	}, nil
}

// keep brings the alerts that opened episodes to them. It is done for a redelivered one too: whoever had it
// before may have been killed in between.
func (s *Shared) keep(ctx context.Context, hits []pipeline.Hit, seen []pipeline.Seen) error {
	var calls []shared.Call
	for i := range hits {
		if !seen[i].First || hits[i].Alert == nil || hits[i].For == 0 {
			continue
		}
		if alert := content(nil, hits[i].Alert); alert != nil {
			calls = append(calls, shared.Call{Keys: []string{keyOf(hits[i].Key)}, Args: []any{hits[i].ID, alert}})
		}
	}
	_, err := s.store.Run(ctx, keepScript, calls)
	return err
}

// numbers reads integers of a reply, which Lua also writes as text where they are large.
func numbers(list []any) ([]int64, bool) {
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
		return s.standIn.Get().Untold(ctx, of)
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
	err := s.told(ctx, repeats, false)
	if errors.Is(err, shared.ErrAway) {
		// Of what the store knew, nobody can be told less by this: the next message repeats a count.
		return s.standIn.Get().Told(ctx, repeats)
	}
	return err
}

func (s *Shared) told(ctx context.Context, repeats []pipeline.Repeats, closed bool) error {
	calls := make([]shared.Call, len(repeats))
	for i, r := range repeats {
		name := ""
		if closed {
			name = r.Key
		}
		calls[i] = shared.Call{
			Keys: []string{keyOf(r.Key), dueKey(r.Key)}, Args: []any{r.ID, r.N, r.Last.UnixMicro(), name},
		}
	}
	_, err := s.store.Run(ctx, toldScript, calls)
	return err
}

// partitions is how many sets of what is due there are. A key, its episode and its set live together in a
// cluster, so these are also how many nodes of one can share the work. Do not change it: a fleet must agree.
const partitions = 16

func partitionOf(key string) int {
	h := fnv.New32a()
	h.Write([]byte(key)) // never fails
	return int(h.Sum32() % partitions)
}

// keyOf is hash-tagged by the key's partition.
func keyOf(key string) string {
	return "tocsin:{dedupe" + strconv.Itoa(partitionOf(key)) + "}:episode:" + key
}

func dueKey(key string) string { return dueKeyOf(partitionOf(key)) }

func dueKeyOf(partition int) string {
	return "tocsin:{dedupe" + strconv.Itoa(partition) + "}:due"
}
