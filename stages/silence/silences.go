package silence

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// Deps are what Silences work with.
type Deps struct {
	Silences Documents // opened with the limit Config.SilenceDocuments
	Acks     Documents // with AckDocuments
	Hits     Documents // with HitDocuments
	// Process tells the counts of processes apart: the same after a restart where no other process writes there,
	// else one of its own for each run.
	Process string
	// Wake makes due what is held back, so that what still fires is told at once. nil: nobody holds anything.
	Wake func(ctx context.Context) error
	// Ending tells people that a silence ends soon. It may be called again for the same end, after a kill.
	Ending func(ctx context.Context, s pipeline.Silence, hits pipeline.Hits) error
	Now    func() time.Time
	Log    *slog.Logger
}

// Silences knows what is to be kept quiet. It is safe for concurrent use.
type Silences struct {
	cfg  atomic.Pointer[Config] // exchanged by a reload
	deps Deps

	index atomic.Pointer[index]                                 // what applies now and later
	acked atomic.Pointer[map[pipeline.Fingerprint]pipeline.Ack] // likewise
	hits  *counter

	mu       sync.Mutex // one reader and writer of the store at a time; guards what follows
	silences *mirror[pipeline.Silence]
	acks     *mirror[pipeline.Ack]
	list     []pipeline.Silence // all, in no order
	compiled map[string]*entry  // by id, those of the index
	wakeDue  bool               // something ended and Wake has not worked yet
	failing  bool               // the last look failed, which was logged
	swept    bool               // counts of silences that are gone were looked for
}

// New makes Silences and reads what is kept. A store that is away is read later, by Run or Refresh.
func New(ctx context.Context, cfg Config, deps Deps) *Silences {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	s := &Silences{
		deps:     deps,
		hits:     newCounter(deps.Hits, deps.Process, deps.Log),
		compiled: map[string]*entry{},
	}
	s.silences = newMirror[pipeline.Silence](deps.Silences, "silences", deps.Log, s.rebuild)
	s.acks = newMirror[pipeline.Ack](deps.Acks, "acks", deps.Log, s.rebuildAcks)
	s.cfg.Store(&cfg)
	s.index.Store(newIndex(nil))
	s.acked.Store(&map[pipeline.Fingerprint]pipeline.Ack{})
	s.note(ctx, s.Refresh(ctx))
	return s
}

// SetConfig exchanges the settings. How many documents the store keeps stays as it was opened.
func (s *Silences) SetConfig(cfg Config) { s.cfg.Store(&cfg) }

// Silenced returns the silences that apply to labels at now.
func (s *Silences) Silenced(labels map[string]string, now time.Time) []pipeline.Suppressed {
	return s.index.Load().find(labels, now)
}

// Hit counts that a silence kept alerts back.
func (s *Silences) Hit(silence string, alerts int) { s.hits.hit(silence, alerts, s.deps.Now()) }

// Refresh brings the memory up to what the store has.
func (s *Silences) Refresh(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refresh(ctx)
}

func (s *Silences) refresh(ctx context.Context) error {
	if err := s.silences.refresh(ctx); err != nil {
		return fmt.Errorf("read the silences: %w", err)
	}
	if err := s.acks.refresh(ctx); err != nil {
		return fmt.Errorf("read the acknowledgements: %w", err)
	}
	return nil
}

// rebuild makes list and index of what is in memory.
func (s *Silences) rebuild() {
	now := s.deps.Now()
	list := make([]pipeline.Silence, 0, len(s.silences.all))
	compiled := map[string]*entry{}
	var entries []*entry
	for id, one := range s.silences.all {
		list = append(list, one.value)
		if one.value.State(now) == Expired {
			continue
		}
		e := s.compiled[id]
		if e == nil || !slices.Equal(e.silence.Matchers, one.value.Matchers) {
			ms, err := matcher.Compile(one.value.Matchers)
			if err != nil {
				s.deps.Log.Warn("a silence in the store cannot be used", "silence", id, "err", err)
				continue
			}
			e = &entry{matchers: ms}
		}
		compiled[id] = &entry{one.value, e.matchers}
		entries = append(entries, compiled[id])
	}
	s.list, s.compiled = list, compiled
	s.index.Store(newIndex(entries))
}

// List returns all silences: active ones by their end, pending ones by their start, then those that are over, the
// latest first.
func (s *Silences) List(now time.Time) []pipeline.Silence {
	s.mu.Lock()
	all := slices.Clone(s.list)
	s.mu.Unlock()
	inOrder(all, now)
	return all
}

// Get returns one silence.
func (s *Silences) Get(id string) (pipeline.Silence, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.get(id)
}

func (s *Silences) get(id string) (pipeline.Silence, error) {
	one, ok := s.silences.all[id]
	if !ok {
		return pipeline.Silence{}, fmt.Errorf("silence %q: %w", id, ErrNotFound)
	}
	return one.value, nil
}

// Put takes a new silence, or with an ID a changed one, and returns the ID under which it is kept, which is a new
// one where the change cannot be made in place. nil means that it is durable and applies.
func (s *Silences) Put(ctx context.Context, posted pipeline.Silence) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refresh(ctx); err != nil {
		return "", &Away{err}
	}
	var old *pipeline.Silence
	if posted.ID != "" {
		known, err := s.get(posted.ID)
		if err != nil {
			return "", err
		}
		old = &known
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	cfg, now := *s.cfg.Load(), s.deps.Now().UTC()
	if posted, err = withAnnotations(posted, cfg.IdleEnd); err != nil {
		return "", err
	}
	c := decide(old, posted, now, id.String())
	if err := cfg.check(&c.silence, now); err != nil {
		return "", err
	}
	if err := s.room(cfg, c, now); err != nil {
		return "", err
	}
	if err := s.keep(ctx, c); err != nil {
		return "", err
	}
	return c.silence.ID, nil
}

// room says when there are too many.
func (s *Silences) room(cfg Config, c change, now time.Time) error {
	if _, known := s.silences.all[c.silence.ID]; known || c.replaces != nil {
		return nil
	}
	n := 0
	for i := range s.list {
		if s.list[i].State(now) != Expired {
			n++
		}
	}
	if n >= cfg.Max {
		return invalid("there are %d silences already, at most %d are kept at once (silences.max): expire some", n, cfg.Max)
	}
	return nil
}

// keep writes a change: the new before the old ends, so that a kill in between leaves nothing loud.
func (s *Silences) keep(ctx context.Context, c change) error {
	written := []*pipeline.Silence{&c.silence}
	if c.replaces != nil {
		written = append(written, c.replaces)
	}
	docs := make([]pipeline.Document, len(written))
	for i, one := range written {
		body, err := json.Marshal(one)
		if err != nil {
			return fmt.Errorf("encode a silence: %w", err)
		}
		docs[i] = pipeline.Document{Key: one.ID, At: one.UpdatedAt, Body: body}
	}
	s.wakeDue = s.wakeDue || c.wake // also where the store has the change and its answer was lost
	if err := s.silences.put(ctx, docs...); err != nil {
		return &Away{err}
	}
	s.wake(ctx)
	return nil
}

// wake calls the hook, now or when it works again.
func (s *Silences) wake(ctx context.Context) {
	if !s.wakeDue {
		return
	}
	if s.deps.Wake != nil {
		if err := s.deps.Wake(ctx); err != nil {
			s.deps.Log.Warn("what a silence kept quiet is not told yet: groups cannot be woken", "err", err)
			return
		}
	}
	s.wakeDue = false
}

// Expire ends a silence; by is who did, as far as is known. One that is over stays as it is.
func (s *Silences) Expire(ctx context.Context, id, by string) error {
	why := "expired"
	if by != "" {
		why += " by " + by
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refresh(ctx); err != nil {
		return &Away{err}
	}
	return s.end(ctx, id, why)
}

func (s *Silences) end(ctx context.Context, id, why string) error {
	one, err := s.get(id)
	if err != nil {
		return err
	}
	now := s.deps.Now().UTC()
	state := one.State(now)
	if state == Expired {
		return nil
	}
	return s.keep(ctx, change{silence: expire(&one, now, why), wake: state == Active})
}

// Hits returns the counts of silences, by id.
func (s *Silences) Hits(ctx context.Context) (map[string]pipeline.Hits, error) {
	hits, err := s.hits.sums(ctx)
	if err != nil {
		return nil, &Away{err}
	}
	return hits, nil
}

// Stats are how many silences there are by state, and how many acknowledgements.
type Stats struct{ Pending, Active, Expired, Acks int }

// Stats counts.
func (s *Silences) Stats() Stats {
	now := s.deps.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	var n Stats
	for i := range s.list {
		switch s.list[i].State(now) {
		case Pending:
			n.Pending++
		case Active:
			n.Active++
		case Expired:
			n.Expired++
		}
	}
	n.Acks = len(*s.acked.Load())
	return n
}
