package window

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	_ "embed" // the script
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/shared"
)

//go:embed exchange.lua
var exchangeLua string

var exchangeScript = shared.NewScript(exchangeLua)

// Scripts are what the shared store has to know for Shared.
func Scripts() []*shared.Script { return []*shared.Script{exchangeScript} }

const (
	// stampLen is how long the stamp of an exchange is: who made it, and the how many-th of his it was.
	stampLen = 16
	// tags is over how many hash tags keys are spread, and with them over the nodes of a cluster. Fewer spread
	// worse; more make calls of fewer keys.
	tags = 64
	// perCall is how many keys an exchange takes at once at most: the store serves nobody else meanwhile.
	perCall = 32
	// grace is how much longer than its life a key stays in the store: a router that is so far behind with
	// its alerts still finds what its time was about.
	grace = 2 * time.Minute
	// maxRounds is how often a key is judged anew because another router was quicker, before the window of
	// this process answers. Of eight routers that all work on one key nobody loses as often in a year.
	maxRounds = 100
)

// Shared judges for a fleet: any number of processes on one store answer as one would. The judging is
// Memory's. What is known of a key is in the store, and is exchanged for what is known after an occurrence
// only if nobody else has exchanged it meanwhile; else it is judged anew. One round trip does for as long as
// nobody else comes between.
//
// While the store does not answer in time a Memory of this process judges: its answers say Degraded, and it
// knows nothing of what the store knew. It is safe for concurrent use.
type Shared struct {
	store *shared.Store
	cfg   Config
	me    [8]byte // in stamps: no two processes have the same
	made  atomic.Uint64
	cache *cache

	memory *shared.StandIn[*Memory]

	mu    sync.Mutex // guards desks
	desks []*shard   // where keys are judged, one for each goroutine that does
}

var _ Engine = (*Shared)(nil)

// NewShared makes a Shared; cfg is valid. The store was opened with Scripts.
func NewShared(store *shared.Store, cfg Config) *Shared {
	s := &Shared{store: store, cfg: cfg, cache: newCache()}
	s.memory = shared.NewStandIn(store, func() *Memory { return NewMemory(cfg) })
	_, _ = rand.Read(s.me[:]) // it never fails
	return s
}

// job is a key, and what happened to it in a batch.
type job struct {
	name  string
	tag   int
	of    []int  // the occurrences, by their place in the batch
	state string // what is in the store, as far as we know; "": nothing
	next  string // what is to be there
	life  time.Duration
}

// stamp is the stamp of what is in the store.
func (j *job) stamp() string { return j.state[:min(stampLen, len(j.state))] }

// Observe judges occurrences, in order.
func (s *Shared) Observe(ctx context.Context, observed []pipeline.Observation) ([]pipeline.Judged, error) {
	if s.store.Degraded() {
		return s.standIn(ctx, observed, nil)
	}
	judged := make([]pipeline.Judged, len(observed))
	jobs := s.jobs(observed)
	for round := 0; len(jobs) > 0 && round < maxRounds; round++ {
		s.judge(jobs, observed, judged)
		again, err := s.exchange(ctx, jobs)
		if errors.Is(err, shared.ErrAway) {
			return s.standIn(ctx, observed, judged)
		}
		if err != nil {
			return nil, err
		}
		jobs = again
	}
	if len(jobs) > 0 {
		return s.standIn(ctx, observed, judged)
	}
	return judged, nil
}

// jobs sorts a batch by keys.
func (s *Shared) jobs(observed []pipeline.Observation) []*job {
	byKey := make(map[string]*job, len(observed))
	jobs := make([]*job, 0, len(observed))
	for i := range observed {
		j := byKey[observed[i].Key]
		if j == nil {
			j = newJob(observed[i].Key)
			byKey[observed[i].Key] = j
			jobs = append(jobs, j)
		}
		j.of = append(j.of, i)
	}
	s.cache.fill(jobs)
	return jobs
}

// newJob names a key as all processes do. A hash, since keys hold values of any length that are nobody's
// business in a store.
func newJob(key string) *job {
	sum := sha256.Sum256([]byte(key))
	j := &job{tag: int(sum[31]) % tags}
	name := make([]byte, 0, 40)
	name = append(name, "tocsin:{w"...)
	name = strconv.AppendInt(name, int64(j.tag), 10)
	name = append(name, "}:"...)
	j.name = string(base64.RawURLEncoding.AppendEncode(name, sum[:16]))
	return j
}

// judge judges the occurrences of each job on what is known of its key.
func (s *Shared) judge(jobs []*job, observed []pipeline.Observation, judged []pipeline.Judged) {
	desk := s.desk()
	defer s.leave(desk)
	for _, j := range jobs {
		if len(j.state) > stampLen {
			_ = desk.decode([]byte(j.state[stampLen:]), onDesk) // what another version wrote begins anew
		}
		for _, i := range j.of {
			o := &observed[i]
			desk.judge(&occurrence{
				w: o.Window, o: o, key: onDesk, at: o.At.UnixMicro(), arrived: o.Arrived.UnixMicro(),
				id: sum64(o.ID), distinct: sum64(o.Distinct), changed: sum64(o.Changed), fresh: sum64(o.New),
			}, &judged[i])
			j.life = s.cfg.Life(o.Window)
		}
		n := desk.index.find(onDesk, &desk.keys)
		next := make([]byte, stampLen, 128)
		copy(next, s.me[:])
		binary.LittleEndian.PutUint64(next[len(s.me):], s.made.Add(1))
		j.next = string(desk.encode(next, desk.keys.at(n)))
		desk.forget(n)
	}
}

// onDesk is the hash of the one key that is on a desk.
const onDesk = 1

// desk gives out a shard that nobody else uses.
func (s *Shared) desk() *shard {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := len(s.desks) - 1; last >= 0 {
		desk := s.desks[last]
		s.desks = s.desks[:last]
		return desk
	}
	cfg := s.cfg
	cfg.MaxKeys = 1 // and therefore one shard
	return NewMemory(cfg).shards[0]
}

func (s *Shared) leave(desk *shard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.desks = append(s.desks, desk)
}

// sum64 is 0 for nothing, and only for that; all processes say the same. Whoever would make two values count
// as one has to find them among 2^32.
func sum64(text string) uint64 {
	if text == "" {
		return 0
	}
	sum := sha256.Sum256([]byte(text))
	return max(binary.LittleEndian.Uint64(sum[:]), 1)
}

// exchange puts what is known now into the store. It returns the jobs for which something else was there, with
// that.
func (s *Shared) exchange(ctx context.Context, jobs []*job) (again []*job, err error) {
	calls, of := s.calls(jobs)
	replies, err := s.store.Run(ctx, exchangeScript, calls)
	if err != nil {
		return nil, err
	}
	var done []*job
	for i, reply := range replies {
		list, _ := reply.([]any)
		if len(list) != len(of[i]) {
			return nil, fmt.Errorf("redis answered %v to a window script", reply)
		}
		for n, j := range of[i] {
			if there, ok := list[n].(string); ok {
				j.state = there
				again = append(again, j)
			} else {
				done = append(done, j)
			}
		}
	}
	s.cache.keep(done)
	return again, nil
}

// calls makes calls of jobs: in a cluster of those that share a hash tag, else of any.
func (s *Shared) calls(jobs []*job) (calls []shared.Call, of [][]*job) {
	open := make(map[int]int) // by tag, which call has room
	cluster := s.store.Cluster()
	for _, j := range jobs {
		tag := 0
		if cluster {
			tag = j.tag
		}
		i, ok := open[tag]
		if !ok || len(of[i]) == perCall {
			i = len(calls)
			open[tag] = i
			calls, of = append(calls, shared.Call{}), append(of, nil)
		}
		c := &calls[i]
		c.Keys = append(c.Keys, j.name)
		c.Args = append(c.Args, j.stamp(), (j.life + grace).Milliseconds(), j.next)
		of[i] = append(of[i], j)
	}
	return calls, of
}

// standIn judges by the Memory of this outage. What has fired already by what we knew of the store fires: it may
// have taken the exchange, and then counts it as told, though its answer did not come.
func (s *Shared) standIn(ctx context.Context, observed []pipeline.Observation, already []pipeline.Judged) ([]pipeline.Judged, error) {
	judged, err := s.memory.Get().Observe(ctx, observed)
	for i := range judged {
		if already != nil && already[i].Fired {
			judged[i] = already[i]
		}
		judged[i].Degraded = true
	}
	return judged, err
}
