package shared

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// maxBatch is how many calls are sent before their replies are waited for: what a slow Redis has to do for
// us at most when we give it up, and what it can do well within the budget.
const maxBatch = 256

// Script is a Lua script.
type Script struct {
	text   string
	script *redis.Script
}

// NewScript makes a Script of its text.
func NewScript(text string) *Script { return &Script{text, redis.NewScript(text)} }

// Call is one run of a script. Its keys share a hash tag, so that they live on one node of a cluster.
type Call struct {
	Keys []string
	Args []any
}

// ErrAway says that the store does not answer. The caller stands in for it.
var ErrAway = errors.New("the shared store is away")

// Run runs a script once per call, in order and in one round trip per 256. A reply is an int64, a string, a
// []any of such, or nil. ErrAway: the store counts as gone from then on, and whether some of the calls were
// run is not known. Any other error is that of ctx: the caller has given up.
func (s *Store) Run(ctx context.Context, script *Script, calls []Call) ([]any, error) {
	replies := make([]any, 0, len(calls))
	for len(calls) > 0 {
		n := min(len(calls), maxBatch)
		some, err := s.ask(ctx, func(ctx context.Context, client redis.UniversalClient) ([]any, error) {
			return run(ctx, client, script, calls[:n])
		})
		if err != nil {
			return nil, err
		}
		replies, calls = append(replies, some...), calls[n:]
	}
	return replies, nil
}

// ask does what talks to the store, within the budget, unless the store is away.
func (s *Store) ask(ctx context.Context, talk func(context.Context, redis.UniversalClient) ([]any, error)) ([]any, error) {
	client := s.client.Load()
	if client == nil || s.away.Load() {
		return nil, ErrAway
	}
	limited, cancel := context.WithTimeout(ctx, s.budget)
	defer cancel()
	begun := time.Now()
	replies, err := talk(limited, *client)
	s.took.Observe(time.Since(begun).Seconds())
	switch {
	case err == nil:
		return replies, nil
	case givenUp(ctx): // the caller's doing, not the store's
		<-ctx.Done()
		return nil, fmt.Errorf("ask redis: %w", context.Cause(ctx))
	default:
		s.degrade(err)
		return nil, fmt.Errorf("%w: %w", ErrAway, err)
	}
}

// givenUp reports whether a caller waits no longer. A connection notices a deadline a moment before the
// context does.
func givenUp(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

// once is a call that go-redis does not send a second time by itself, to a node of a cluster that it has
// lost: it may have been run. Redirections are followed all the same.
type once struct{ *redis.Cmd }

func (once) NoRetry() bool { return true }

// run gives a store that has forgotten its scripts (flushed, or another one after a failover) these again,
// and runs what it has not run.
func run(ctx context.Context, client redis.UniversalClient, script *Script, calls []Call) ([]any, error) {
	replies := make([]any, len(calls))
	todo := make([]int, len(calls))
	for i := range todo {
		todo[i] = i
	}
	for reloaded := false; ; reloaded = true {
		unknown, err := runSome(ctx, client, script, calls, todo, replies)
		switch {
		case err != nil:
			return nil, fmt.Errorf("run a script in redis: %w", err)
		case len(unknown) == 0:
			return replies, nil
		case reloaded:
			return nil, fmt.Errorf("run a script in redis: %w", redis.ErrNoScript)
		}
		if err := load(ctx, client, script); err != nil {
			return nil, fmt.Errorf("load a script into redis again: %w", err)
		}
		todo = unknown
	}
}

// runSome runs the calls of todo and returns those for which the script is not there.
func runSome(ctx context.Context, client redis.UniversalClient, script *Script, calls []Call, todo []int, replies []any) (unknown []int, err error) {
	pipe := client.Pipeline()
	cmds := make([]once, len(todo))
	for i, n := range todo {
		args := make([]any, 0, 3+len(calls[n].Keys)+len(calls[n].Args))
		args = append(args, "evalsha", script.script.Hash(), len(calls[n].Keys))
		for _, key := range calls[n].Keys {
			args = append(args, key)
		}
		cmds[i] = once{redis.NewCmd(ctx, append(args, calls[n].Args...)...)}
		_ = pipe.Process(ctx, cmds[i]) // it is only noted
	}
	_, execErr := pipe.Exec(ctx)
	for i, cmd := range cmds {
		switch err := cmd.Err(); {
		case err == nil:
			replies[todo[i]] = cmd.Val()
		case errors.Is(err, redis.Nil):
		case redis.HasErrorPrefix(err, "NOSCRIPT"):
			unknown = append(unknown, todo[i])
			execErr = nil
		default:
			return nil, err
		}
	}
	if execErr != nil && !errors.Is(execErr, redis.Nil) {
		return nil, execErr
	}
	return unknown, nil
}

// load loads a script wherever it may be run.
func load(ctx context.Context, client redis.UniversalClient, script *Script) error {
	cluster, ok := client.(*redis.ClusterClient)
	if !ok {
		return script.script.Load(ctx, client).Err()
	}
	return cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		return script.script.Load(ctx, node).Err()
	})
}

// ReadHash reads the same fields of many hashes in one round trip; each reply is a []any of strings, nil for
// what is not there. Errors are as of Run.
func (s *Store) ReadHash(ctx context.Context, keys []string, fields ...string) ([]any, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	return s.ask(ctx, func(ctx context.Context, client redis.UniversalClient) ([]any, error) {
		pipe := client.Pipeline()
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
