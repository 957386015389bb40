package shared

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Script is a Lua script.
type Script struct{ script *redis.Script }

// NewScript makes a Script of its text.
func NewScript(text string) *Script { return &Script{redis.NewScript(text)} }

// Call is one run of a script. Its keys share a hash tag, so that they live on one node of a cluster.
type Call struct {
	Keys []string
	Args []any
}

// ErrAway says that the store does not answer. The caller stands in for it.
var ErrAway = errors.New("the shared store is away")

// Run runs a script once per call, in order and in one round trip. A reply is an int64, a string, a
// []any of such, or nil. Any error is ErrAway: the store counts as gone from then on, and whether some of
// the calls were run is not known.
func (s *Store) Run(ctx context.Context, script *Script, calls []Call) ([]any, error) {
	if len(calls) == 0 {
		return nil, nil
	}
	return s.ask(ctx, func(ctx context.Context) ([]any, error) { return s.run(ctx, script, calls) })
}

// ask does what talks to the store, within the budget, unless the store is away.
func (s *Store) ask(ctx context.Context, talk func(context.Context) ([]any, error)) ([]any, error) {
	if s.degraded.Load() {
		return nil, ErrAway
	}
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	replies, err := talk(ctx)
	if err != nil {
		s.degrade(err)
		return nil, fmt.Errorf("%w: %w", ErrAway, err)
	}
	return replies, nil
}

// run gives a store that has forgotten its scripts (flushed, or another one after a failover) these again.
func (s *Store) run(ctx context.Context, script *Script, calls []Call) ([]any, error) {
	for reloaded := false; ; reloaded = true {
		pipe := s.client.Pipeline()
		cmds := make([]*redis.Cmd, len(calls))
		for i, c := range calls {
			cmds[i] = script.script.EvalSha(ctx, pipe, c.Keys, c.Args...)
		}
		_, err := pipe.Exec(ctx)
		switch {
		case err == nil || errors.Is(err, redis.Nil):
			replies := make([]any, len(cmds))
			for i, cmd := range cmds {
				replies[i] = cmd.Val()
			}
			return replies, nil
		case !redis.HasErrorPrefix(err, "NOSCRIPT") || reloaded:
			return nil, fmt.Errorf("ask redis for windows: %w", err)
		}
		// As a rule none of the batch has run. If some have, their alerts are as first as before, and at
		// worst a few repeats count twice.
		if err := script.script.Load(ctx, s.client).Err(); err != nil {
			return nil, fmt.Errorf("load a script into redis again: %w", err)
		}
	}
}

// ReadHash reads the same fields of many hashes in one round trip; each reply is a []any of strings, nil for
// what is not there. Errors are as of Run.
func (s *Store) ReadHash(ctx context.Context, keys []string, fields ...string) ([]any, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	return s.ask(ctx, func(ctx context.Context) ([]any, error) {
		pipe := s.client.Pipeline()
		cmds := make([]*redis.SliceCmd, len(keys))
		for i, key := range keys {
			cmds[i] = pipe.HMGet(ctx, key, fields...)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return nil, fmt.Errorf("read from redis: %w", err)
		}
		replies := make([]any, len(cmds))
		for i, cmd := range cmds {
			replies[i] = cmd.Val()
		}
		return replies, nil
	})
}
