package repeats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/shared"
)

// lease is how long an ending that was taken is left alone by others. Shorter than the publishing of it can
// take would sum up twice; longer waits longer after a kill.
const lease = 30 * time.Second

// Ended returns episodes that are over by now and have repeats nobody was told of, at most limit of each
// partition. Until Closed has them they are returned again, but by no process for as long as the lease.
func (s *Shared) Ended(ctx context.Context, now time.Time, limit int) ([]pipeline.Ending, error) {
	ended, err := s.standIn.Get().Ended(ctx, now, limit) // what an outage counted
	if err != nil {
		return nil, err
	}
	ofStore, err := s.ended(ctx, now, limit)
	if errors.Is(err, shared.ErrAway) {
		return ended, nil // they stay due
	}
	return append(ended, ofStore...), err
}

func (s *Shared) ended(ctx context.Context, now time.Time, limit int) ([]pipeline.Ending, error) {
	calls := make([]shared.Call, partitions)
	for p := range calls {
		calls[p] = shared.Call{
			Keys: []string{dueKeyOf(p)}, Args: []any{now.UnixMicro(), now.Add(lease).UnixMicro(), limit},
		}
	}
	replies, err := s.store.Run(ctx, endedScript, calls)
	if err != nil {
		return nil, err
	}
	var names, keys []string
	for _, reply := range replies {
		list, _ := reply.([]any)
		for _, v := range list {
			name, _ := v.(string)
			names, keys = append(names, name), append(keys, keyOf(name))
		}
	}
	episodes, err := s.store.ReadHash(ctx, keys, "id", "repeats", "last", "open", "told", "alert")
	if err != nil {
		return nil, err
	}
	var ended []pipeline.Ending
	var nothing []pipeline.Repeats
	for i, reply := range episodes {
		e, ok, err := endingOf(names[i], reply)
		if err != nil {
			return nil, err
		}
		if ok {
			ended = append(ended, e)
		} else {
			nothing = append(nothing, pipeline.Repeats{Episode: e.Episode})
		}
	}
	return ended, s.told(ctx, nothing, true)
}

// endingOf reads an episode; it reports false when there is nothing to tell of it, or nothing to tell it with.
func endingOf(key string, reply any) (e pipeline.Ending, ok bool, err error) {
	e.Key = key
	v, _ := reply.([]any)
	if len(v) != 6 {
		return e, false, fmt.Errorf("redis answered %v to a question about an episode", reply)
	}
	if e.ID, ok = v[0].(string); !ok {
		return e, false, nil // it has expired
	}
	for i := range v[1:5] {
		if v[1+i] == nil {
			v[1+i] = "0"
		}
	}
	n, ok := numbers(v[1:5])
	if !ok {
		return e, false, fmt.Errorf("redis holds a damaged episode of %s", key)
	}
	if n[0] <= n[3] {
		return e, false, nil
	}
	r := pipeline.Repeats{Episode: e.Episode, N: uint64(n[0]), Last: timeOf(n[1])}
	alert, _ := v[5].(string)
	e, ok = ending(r, n[2], []byte(alert))
	return e, ok, nil
}

// Closed notes that these episodes were summed up. Saying it twice changes nothing.
func (s *Shared) Closed(ctx context.Context, repeats []pipeline.Repeats) error {
	if err := s.standIn.Get().Closed(ctx, repeats); err != nil {
		return err
	}
	err := s.told(ctx, repeats, true)
	if errors.Is(err, shared.ErrAway) {
		return nil // it is summed up again when the lease is over
	}
	return err
}
