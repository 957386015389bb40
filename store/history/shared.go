package history

import (
	"context"
	"crypto/rand"
	_ "embed" // the scripts
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/shared"
)

//go:embed update.lua
var updateLua string

//go:embed note.lua
var noteLua string

//go:embed trim.lua
var trimLua string

//go:embed live.lua
var liveLua string

//go:embed scan.lua
var scanLua string

//go:embed steps.lua
var stepsLua string

var (
	updateScript = shared.NewScript(updateLua)
	noteScript   = shared.NewScript(noteLua)
	trimScript   = shared.NewScript(trimLua)
	liveScript   = shared.NewScript(liveLua)
	scanScript   = shared.NewScript(scanLua)
	stepsScript  = shared.NewScript(stepsLua)
)

// Scripts are what the shared store has to know for OpenShared.
func Scripts() []*shared.Script {
	return []*shared.Script{updateScript, noteScript, trimScript, liveScript, scanScript, stepsScript}
}

const (
	// shards is over how many hash tags history is spread, and with them over the nodes of a cluster. More make a search
	// ask more of them.
	shards = 16
	// maxRounds is how often an account is judged anew because another router was quicker.
	maxRounds = 50
	// stepsKept is how many steps of an alert, or attempts of a notification, Redis keeps.
	stepsKept = 200
)

// inRedis is history in the store that a fleet shares. Several routers may keep the same alert: an account is read,
// judged here and written in one step, and judged anew if it has changed meanwhile. Times are kept to the µs.
type inRedis struct {
	store  *shared.Store
	maxAge time.Duration
	// Bounds of one shard, in bytes: half for occurrences, a quarter each for accounts and steps.
	occurrences, accounts, stepBytes int64
}

var _ engine = (*inRedis)(nil)

// OpenShared returns the history in a store, which was opened with Scripts.
func OpenShared(store *shared.Store, cfg Config, resolve time.Duration, log *slog.Logger) *History {
	shard := int64(cfg.MaxSize) / shards
	return newHistory(&inRedis{store, time.Duration(cfg.MaxAge), shard / 2, shard / 4, shard / 4}, resolve, log)
}

func (r *inRedis) close() error                 { return nil }
func (r *inRedis) settle(context.Context) error { return nil }

// tag is the beginning of the keys of a shard.
func tag(n uint64) string { return "tocsin:{history" + strconv.FormatUint(n%shards, 10) + "}:" }

func (r *inRedis) update(ctx context.Context, of []pipeline.Fingerprint, decide func(int, *state) change) error {
	todo := make([]int, len(of))
	for i := range todo {
		todo[i] = i
	}
	for range maxRounds {
		var calls []shared.Call
		var err error
		calls, todo, err = r.judge(ctx, of, todo, decide)
		if err != nil {
			return err
		}
		replies, err := r.store.Run(ctx, updateScript, calls)
		if err != nil {
			return err
		}
		var again []int
		for i, reply := range replies {
			if reply != int64(1) {
				again = append(again, todo[i])
			}
		}
		if todo = again; len(todo) == 0 {
			return nil
		}
	}
	return fmt.Errorf("other routers changed the accounts of %d alerts again and again", len(todo))
}

// judge reads accounts, and says what to write, and of which of them.
func (r *inRedis) judge(ctx context.Context, of []pipeline.Fingerprint, todo []int, decide func(int, *state) change) (calls []shared.Call, changed []int, err error) {
	keys := make([]string, len(todo))
	for i, n := range todo {
		keys[i] = tag(uint64(of[n])) + "alert:" + of[n].String()
	}
	found, err := r.store.ReadHash(ctx, keys, "v", "s")
	if err != nil {
		return nil, nil, err
	}
	ids := newIDs(time.Now())
	for i, n := range todo {
		fields, _ := found[i].([]any)
		if len(fields) != 2 {
			return nil, nil, fmt.Errorf("redis answered %v to an alert's account", found[i])
		}
		stamp, _ := fields[0].(string)
		var was *state
		if text, there := fields[1].(string); there {
			if was, err = decodeState([]byte(text)); err != nil {
				return nil, nil, err
			}
		}
		c := decide(n, was)
		if was == nil && c.alert == nil {
			continue
		}
		call, err := r.call(of[n], keys[i], stamp, c, ids)
		if err != nil {
			return nil, nil, err
		}
		calls, changed = append(calls, call), append(changed, n)
	}
	return calls, changed, nil
}

// newIDs gives occurrences of a batch their numbers: the time, made unique.
func newIDs(now time.Time) func() int64 {
	id := now.UnixNano()
	return func() int64 {
		id++
		return id
	}
}

func (r *inRedis) call(fp pipeline.Fingerprint, key, stamp string, c change, newID func() int64) (shared.Call, error) {
	prefix := tag(uint64(fp))
	var latest []byte
	var err error
	if c.alert != nil {
		if latest, err = encodeAlert(c.alert); err != nil {
			return shared.Call{}, err
		}
	}
	args := []any{
		stamp, rand.Text(), c.encode(), latest, c.ends / 1000, time.Now().UnixMicro(), (r.maxAge + time.Hour).Milliseconds(),
		r.accounts, r.occurrences, prefix + "alert:", fp.String(),
	}
	for _, k := range c.kept {
		body := latest
		if k.alert != c.alert {
			if body, err = encodeAlert(k.alert); err != nil {
				return shared.Call{}, err
			}
		}
		args = append(args, occurredAt(k).UnixMicro(), fmt.Sprintf("%016x %s %s", newID(), k.kind, body))
	}
	return shared.Call{Keys: []string{key, prefix + "ends", prefix + "occurrences", prefix + "bytes"}, Args: args}, nil
}

func (r *inRedis) note(ctx context.Context, lines []line) error {
	about := map[uint64][]any{}
	for i := range lines {
		body, err := appendStep(nil, &lines[i].step)
		if err != nil {
			return err
		}
		about[lines[i].subject] = append(about[lines[i].subject], body)
	}
	var calls []shared.Call
	now := time.Now().UnixMicro()
	for subject, steps := range about {
		steps = steps[max(0, len(steps)-stepsKept):]
		prefix, name := tag(subject), strconv.FormatUint(subject, 16)
		calls = append(calls, shared.Call{
			Keys: []string{prefix + "steps:" + name, prefix + "subjects", prefix + "sizes", prefix + "bytes"},
			Args: append([]any{name, now, (r.maxAge + time.Hour).Milliseconds(), stepsKept, r.stepBytes, prefix + "steps:"}, steps...),
		})
	}
	_, err := r.store.Run(ctx, noteScript, calls)
	return err
}

func (r *inRedis) trim(ctx context.Context, now time.Time) (more bool, err error) {
	calls := make([]shared.Call, shards)
	for i := range calls {
		p := tag(uint64(i))
		calls[i] = shared.Call{
			Keys: []string{p + "ends", p + "occurrences", p + "subjects", p + "sizes", p + "bytes"},
			Args: []any{now.Add(-r.maxAge).UnixMicro(), 100, p + "alert:", p + "steps:"},
		}
	}
	replies, err := r.store.Run(ctx, trimScript, calls)
	for _, reply := range replies {
		more = more || reply != int64(0)
	}
	return more, err
}
