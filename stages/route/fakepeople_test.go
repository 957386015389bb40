package route_test

import (
	"context"
	"sync"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// memRepeats is the window's side: repeats by alert id, and what was told.
type memRepeats struct {
	mu     sync.Mutex
	untold map[string]uint64
	told   map[string]uint64
}

func (r *memRepeats) Untold(_ context.Context, of []pipeline.Episode) ([]pipeline.Repeats, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []pipeline.Repeats
	for _, e := range of {
		all = append(all, pipeline.Repeats{Episode: e, N: r.untold[e.ID], Last: time.Now()})
	}
	return all, nil
}

func (r *memRepeats) Told(_ context.Context, repeats []pipeline.Repeats) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range repeats {
		r.told[x.ID] = x.N
	}
	return nil
}

// memSilences are silences and acks as a test wants them.
type memSilences struct {
	mu   sync.Mutex
	all  []memSilence
	new  []memSilence // in the store: Refresh learns of them
	acks map[pipeline.Fingerprint]time.Time
	hits map[string]int
}

type memSilence struct {
	id         string
	labels     map[string]string // all have to be there
	begin, end time.Time
}

func newSilences() *memSilences {
	return &memSilences{acks: map[pipeline.Fingerprint]time.Time{}, hits: map[string]int{}}
}

func (s *memSilences) silence(id string, labels map[string]string, begin, end time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.all {
		if s.all[i].id == id {
			s.all[i].end = end
			return
		}
	}
	s.all = append(s.all, memSilence{id, labels, begin, end})
}

func (s *memSilences) ack(of pipeline.Fingerprint, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acks[of] = until
}

func (s *memSilences) Silenced(labels map[string]string, now time.Time) (by []pipeline.Suppressed) {
	s.mu.Lock()
	defer s.mu.Unlock()
next:
	for _, x := range s.all {
		for k, v := range x.labels {
			if labels[k] != v {
				continue next
			}
		}
		if !now.Before(x.begin) && now.Before(x.end) {
			by = append(by, pipeline.Suppressed{Why: pipeline.BySilence, By: x.id, Until: x.end})
		}
	}
	return by
}

func (s *memSilences) Acked(of pipeline.Fingerprint, now time.Time) (pipeline.Suppressed, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	until := s.acks[of]
	return pipeline.Suppressed{Why: pipeline.ByAck, By: "zhang.wei", Until: until}, now.Before(until)
}

func (s *memSilences) Hit(silence string, alerts int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hits[silence] += alerts
}

// elsewhere is a silence that another process makes.
func (s *memSilences) elsewhere(x memSilence) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.new = append(s.new, x)
}

func (s *memSilences) Refresh(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all, s.new = append(s.all, s.new...), nil
	return nil
}

// memSteps keeps what was noted.
type memSteps struct {
	mu  sync.Mutex
	all []pipeline.Step
}

func (s *memSteps) Note(steps ...pipeline.Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, steps...)
}
