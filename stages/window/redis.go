package window

import (
	"context"
	_ "embed" // the scripts
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tocsin-security/tocsin/pipeline"
)

// budget is how long Redis may take for a batch. What is slower is treated as gone: an alert held back
// is worse than an alert told twice.
const budget = 100 * time.Millisecond

// Probing of a Redis that is gone: from, doubling up to.
const (
	minProbe = 250 * time.Millisecond
	maxProbe = 10 * time.Second
)

//go:embed redis.lua
var observeLua string

//go:embed told.lua
var toldLua string

var (
	observeScript = redis.NewScript(observeLua)
	toldScript    = redis.NewScript(toldLua)
)

// Redis is the window of a fleet. While Redis does not answer in time, a Memory of this process takes
// over: its answers say Degraded, and it knows nothing of what Redis knew, so that a quiet key is told
// once more. It is safe for concurrent use.
type Redis struct {
	client *redis.Client
	log    *slog.Logger

	degraded atomic.Bool
	probing  sync.WaitGroup
	closing  context.Context
	close    context.CancelFunc

	mu    sync.Mutex
	local *Memory // made anew each time Redis goes away
}

// OpenRedis opens redis://[user:password@]host:port/db, or rediss:// for TLS. Only a URL that makes no
// sense is an error: a Redis that is away is waited for, degraded.
func OpenRedis(ctx context.Context, rawURL string, log *slog.Logger) (*Redis, error) {
	opts, err := redis.ParseURL(rawURL)
	if err != nil {
		return nil, fmt.Errorf("store: %w", withoutURL(err))
	}
	silence()
	opts.ContextTimeoutEnabled = true
	opts.DialTimeout, opts.ReadTimeout, opts.WriteTimeout = time.Second, time.Second, time.Second
	opts.MaxRetries = -1 // the local window is quicker, and a retried script counts twice
	opts.DialerRetries = 1
	w := &Redis{client: redis.NewClient(opts), log: log, local: NewMemory(0)}
	w.closing, w.close = context.WithCancel(context.WithoutCancel(ctx))
	if err := w.prepare(ctx); err != nil {
		w.degrade(err)
	}
	return w, nil
}

// silence ends go-redis's habit of writing to stderr by itself; what it has to say reaches us as errors.
var silence = sync.OnceFunc(func() { redis.SetLogger(mute{}) })

type mute struct{}

func (mute) Printf(context.Context, string, ...any) {}

// withoutURL keeps the password of a URL that cannot be parsed out of the message.
func withoutURL(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// prepare checks that Redis answers and lets us in, and loads the scripts.
func (w *Redis) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for _, s := range []*redis.Script{observeScript, toldScript} {
		if err := s.Load(ctx, w.client).Err(); err != nil {
			return fmt.Errorf("load a script into redis at %s: %w", w.client.Options().Addr, err)
		}
	}
	return nil
}

// Observe shows occurrences to the window, in order, in one round trip.
func (w *Redis) Observe(ctx context.Context, hits []pipeline.Hit) ([]pipeline.Seen, error) {
	if !w.degraded.Load() {
		seen, err := w.observe(ctx, hits)
		if err == nil {
			return seen, nil
		}
		w.degrade(err)
	}
	seen, err := w.memory().Observe(ctx, hits)
	for i := range seen {
		seen[i].Degraded = true
	}
	return seen, err
}

func (w *Redis) observe(ctx context.Context, hits []pipeline.Hit) ([]pipeline.Seen, error) {
	keep := keepUntold.Microseconds()
	cmds, err := w.run(ctx, observeScript, len(hits), func(i int) (string, []any) {
		h := hits[i]
		return h.Key, []any{h.ID, h.At.UnixMicro(), h.For.Microseconds(), keep}
	})
	if err != nil {
		return nil, err
	}
	seen := make([]pipeline.Seen, len(hits))
	for i, cmd := range cmds {
		answer, err := cmd.Int64Slice()
		if err != nil || len(answer) != 4 {
			return nil, fmt.Errorf("redis answered %v to a window script: %w", cmd.Val(), err)
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

// Untold returns, for each episode, the repeats a message of it should add to its count.
func (w *Redis) Untold(ctx context.Context, of []pipeline.Episode) ([]pipeline.Repeats, error) {
	if w.degraded.Load() || len(of) == 0 {
		return w.memory().Untold(ctx, of)
	}
	repeats, err := w.untold(ctx, of)
	if err != nil {
		w.degrade(err)
		return w.memory().Untold(ctx, of)
	}
	return repeats, nil
}

func (w *Redis) untold(ctx context.Context, of []pipeline.Episode) ([]pipeline.Repeats, error) {
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	pipe := w.client.Pipeline()
	cmds := make([]*redis.SliceCmd, len(of))
	for i, o := range of {
		cmds[i] = pipe.HMGet(ctx, redisKey(o.Key), "id", "repeats", "last")
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("read windows from redis: %w", err)
	}
	repeats := make([]pipeline.Repeats, len(of))
	for i, cmd := range cmds {
		repeats[i].Episode = of[i]
		v := cmd.Val()
		id, _ := v[0].(string) // nil: the key has expired, and with it what there was to tell
		n, _ := v[1].(string)
		last, _ := v[2].(string)
		if id != of[i].ID || n == "" {
			continue
		}
		var nErr, lastErr error
		var us int64
		repeats[i].N, nErr = strconv.ParseUint(n, 10, 64)
		us, lastErr = strconv.ParseInt(last, 10, 64)
		if err := errors.Join(nErr, lastErr); err != nil {
			return nil, fmt.Errorf("redis holds a damaged window: %w", err)
		}
		repeats[i].Last = time.UnixMicro(us).UTC()
	}
	return repeats, nil
}

// Told notes that a message has shown these repeats. Saying it twice changes nothing.
func (w *Redis) Told(ctx context.Context, repeats []pipeline.Repeats) error {
	if w.degraded.Load() {
		return w.memory().Told(ctx, repeats)
	}
	_, err := w.run(ctx, toldScript, len(repeats), func(i int) (string, []any) {
		r := repeats[i]
		return r.Key, []any{r.ID, r.N, r.Last.UnixMicro()}
	})
	if err != nil {
		// The message is out and nobody can be told less by this: the next one repeats a count.
		w.degrade(err)
	}
	return nil
}

// run evaluates a script once per key in one pipeline. A Redis that has forgotten its scripts (flushed,
// or another one after a failover) gets them again.
func (w *Redis) run(ctx context.Context, s *redis.Script, n int, args func(int) (string, []any)) ([]*redis.Cmd, error) {
	if n == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	for reloaded := false; ; reloaded = true {
		pipe := w.client.Pipeline()
		cmds := make([]*redis.Cmd, n)
		for i := range n {
			key, argv := args(i)
			cmds[i] = s.EvalSha(ctx, pipe, []string{redisKey(key)}, argv...)
		}
		_, err := pipe.Exec(ctx)
		switch {
		case err == nil:
			return cmds, nil
		case !redis.HasErrorPrefix(err, "NOSCRIPT") || reloaded:
			return nil, fmt.Errorf("ask redis for windows: %w", err)
		}
		// As a rule none of the batch has run. If some have, their alerts are as first as before, and at
		// worst a few repeats count twice.
		if err := s.Load(ctx, w.client).Err(); err != nil {
			return nil, fmt.Errorf("load a script into redis again: %w", err)
		}
	}
}

// redisKey is hash-tagged, so that in a cluster all keys of a fingerprint live together.
func redisKey(key string) string { return "tocsin:{" + key + "}:dedupe" }

// Degraded reports whether Redis is away.
func (w *Redis) Degraded() bool { return w.degraded.Load() }

// Close stops probing and disconnects.
func (w *Redis) Close() error {
	w.close()
	w.probing.Wait()
	if err := w.client.Close(); err != nil {
		return fmt.Errorf("disconnect from redis: %w", err)
	}
	return nil
}

func (w *Redis) memory() *Memory {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.local
}

// degrade switches to a fresh local window and starts looking for Redis; the second of several callers
// finds that done.
func (w *Redis) degrade(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.degraded.Load() || w.closing.Err() != nil {
		return
	}
	w.log.Warn("redis does not answer; a local window takes over and repeats may be told twice", "err", err)
	w.local = NewMemory(0)
	w.degraded.Store(true)
	w.probing.Go(w.probe)
}

// probe returns when Redis is back, or on Close.
func (w *Redis) probe() {
	for wait := minProbe; ; wait = min(2*wait, maxProbe) {
		select {
		case <-w.closing.Done():
			return
		case <-time.After(wait):
		}
		if err := w.prepare(w.closing); err != nil {
			w.log.Debug("redis is still away", "err", err)
			continue
		}
		w.degraded.Store(false)
		w.log.Info("redis answers again")
		return
	}
}
