package history

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/shared"
)

// What is asked of Redis at once: it has to be done well within the store's budget.
const (
	askKeys  = 1000
	askBody  = 100 // alerts
	askBytes = 256 << 10
)

func (r *inRedis) steps(ctx context.Context, subject uint64, limit int) ([]pipeline.Step, error) {
	replies, err := r.store.Run(ctx, stepsScript, []shared.Call{{
		Keys: []string{tag(subject) + "steps:" + strconv.FormatUint(subject, 16)}, Args: []any{limit},
	}})
	if err != nil {
		return nil, err
	}
	texts, _ := replies[0].([]any)
	steps := make([]pipeline.Step, len(texts))
	for i, text := range texts {
		body, _ := text.(string)
		if err := json.Unmarshal([]byte(body), &steps[i]); err != nil {
			return nil, fmt.Errorf("read a step: %w", err)
		}
	}
	return steps, nil
}

func (r *inRedis) get(ctx context.Context, of pipeline.Fingerprint) (*pipeline.Known, error) {
	known, err := r.read(ctx, []string{of.String()}, nil)
	if err != nil || len(known) == 0 {
		return nil, err
	}
	return known[0], nil
}

// read reads accounts and alerts; what is not there is left out, and alerts that lack one of texts.
func (r *inRedis) read(ctx context.Context, fps, texts []string) ([]*pipeline.Known, error) {
	keys := make([]string, len(fps))
	for i, fp := range fps {
		n, err := strconv.ParseUint(fp, 16, 64)
		if err != nil {
			return nil, fmt.Errorf("the fingerprint %.40q in redis is not one of ours: %w", fp, err)
		}
		keys[i] = tag(n) + "alert:" + fp
	}
	found, err := r.store.ReadHash(ctx, keys, "s", "b")
	if err != nil {
		return nil, err
	}
	var known []*pipeline.Known
	for _, reply := range found {
		fields, _ := reply.([]any)
		if len(fields) != 2 {
			return nil, fmt.Errorf("redis answered %v to an alert", reply)
		}
		encoded, there := fields[0].(string)
		body, alert := fields[1].(string)
		lacks := func(text string) bool { return !strings.Contains(body, text) }
		if !there || !alert || slices.ContainsFunc(texts, lacks) {
			continue
		}
		k, err := knownOf([]byte(encoded), []byte(body))
		if err != nil {
			return nil, err
		}
		known = append(known, k)
	}
	return known, nil
}

func (r *inRedis) live(ctx context.Context, now time.Time, texts []string, each func(pipeline.Live) error) error {
	var fps []string
	for n := range uint64(shards) {
		for skip := 0; ; skip += askKeys {
			replies, err := r.store.Run(ctx, liveScript, []shared.Call{{
				Keys: []string{tag(n) + "ends"}, Args: []any{now.UnixMicro(), skip, askKeys},
			}})
			if err != nil {
				return err
			}
			page, _ := replies[0].([]any)
			for _, fp := range page {
				text, _ := fp.(string)
				fps = append(fps, text)
			}
			if len(page) < askKeys {
				break
			}
		}
	}
	slices.Sort(fps) // 16 digits each: the order of numbers
	fps = slices.Compact(fps)
	for some := range slices.Chunk(fps, askBody) {
		known, err := r.read(ctx, some, texts)
		if err != nil {
			return err
		}
		for _, k := range known {
			if !k.EndsAt.After(now) { // it has changed meanwhile
				continue
			}
			if err := each(k.Live); err != nil {
				return err
			}
		}
	}
	return nil
}

// walk goes through the occurrences of a shard, the latest first.
type walk struct {
	shard uint64
	at    int64 // where it is, in µs, and how many of that time it has seen
	skip  int
	page  []found
	end   bool
}

// scan merges the shards' walks.
func (r *inRedis) scan(ctx context.Context, s scan, each func(found) bool) error {
	walks := make([]*walk, shards)
	for n := range walks {
		walks[n] = &walk{shard: uint64(n), at: math.MaxInt64 / 1000}
		if s.to != 0 {
			walks[n].at = (s.to - 1) / 1000
		}
		if s.before != (place{}) {
			walks[n].at = min(walks[n].at, s.before.at/1000)
		}
	}
	size := min(s.batch, 100)
	for {
		if err := r.fill(ctx, walks, s.from, size); err != nil {
			return err
		}
		var next *walk
		for _, w := range walks {
			if len(w.page) > 0 && (next == nil || w.page[0].place.later(next.page[0].place)) {
				next = w
			}
		}
		if next == nil {
			return nil
		}
		one := next.page[0]
		next.page = next.page[1:]
		if s.before != (place{}) && !s.before.later(one.place) || one.at < s.from || s.to != 0 && one.at >= s.to {
			continue
		}
		if !each(one) {
			return nil
		}
	}
}

// later reports whether p comes before q in the order of history.
func (p place) later(q place) bool {
	return cmp.Or(cmp.Compare(p.at, q.at), cmp.Compare(p.id, q.id)) > 0
}

// fill reads on where a walk has nothing left.
func (r *inRedis) fill(ctx context.Context, walks []*walk, from int64, size int) error {
	var calls []shared.Call
	var asked []*walk
	for _, w := range walks {
		if len(w.page) == 0 && !w.end {
			asked = append(asked, w)
			calls = append(calls, shared.Call{Keys: []string{tag(w.shard) + "occurrences"}, Args: []any{w.at, from / 1000, w.skip, size, askBytes / shards}})
		}
	}
	if len(calls) == 0 {
		return nil
	}
	replies, err := r.store.Run(ctx, scanScript, calls)
	if err != nil {
		return err
	}
	for i, reply := range replies {
		if err := asked[i].take(reply); err != nil {
			return err
		}
	}
	return nil
}

// take takes what Redis listed: members and times.
func (w *walk) take(reply any) error {
	page, _ := reply.([]any)
	w.end = len(page) == 0
	for i := 0; i+1 < len(page); i += 2 {
		member, _ := page[i].(string)
		score, _ := page[i+1].(string)
		at, err := strconv.ParseFloat(score, 64)
		id, rest, ok := strings.Cut(member, " ")
		kind, body, ok2 := strings.Cut(rest, " ")
		n, err2 := strconv.ParseInt(id, 16, 64)
		if err != nil || err2 != nil || !ok || !ok2 {
			return fmt.Errorf("the occurrence %.40q in redis is not one of ours", member)
		}
		if w.at != int64(at) {
			w.at, w.skip = int64(at), 0
		}
		w.skip++
		w.page = append(w.page, found{place{int64(at) * 1000, n}, kind, []byte(body)})
	}
	return nil
}
