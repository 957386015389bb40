package window

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// maxRules bounds the rules that a Stage counts for: their names come from whoever sends alerts.
const maxRules = 10_000

// StageStats count what a Stage did: received = passed + fired + dropped.
type StageStats struct {
	Received uint64
	Passed   uint64 // had no window to ask
	Fired    uint64
	Dropped  uint64 // the window did not fire
	Degraded uint64 // of Fired: answered by a stand-in engine, or not to be asked
}

// Stage asks the windows of alerts that are not judged yet. One whose window fires is finished and passes on,
// any other ends here. It is safe for concurrent use.
type Stage struct {
	engine Engine
	now    func() time.Time

	mu    sync.Mutex // guards what follows
	stats StageStats
	rules map[string]uint64 // fired, by rule
	last  outcome
}

// outcome is what became of a batch. The bus hands a batch out again when a later stage fails on it.
type outcome struct {
	ids    []string
	passed []pipeline.Alert
}

// NewStage makes a Stage that asks e.
func NewStage(e Engine) *Stage {
	return &Stage{engine: e, now: time.Now, rules: map[string]uint64{}}
}

// Process returns the alerts that go on, in their order. alerts is not changed, and what it returns is not to be: it is
// returned again when the batch comes again, and is alerts itself where none waited.
func (s *Stage) Process(ctx context.Context, alerts []pipeline.Alert) ([]pipeline.Alert, error) {
	ids := make([]string, len(alerts))
	for i := range alerts {
		ids[i] = alerts[i].Key()
	}
	if passed, again := s.recall(ids); again {
		return passed, nil
	}
	judged, err := s.ask(ctx, alerts)
	if err != nil {
		return nil, err
	}
	passed := alerts
	if len(judged) > 0 {
		passed = decide(alerts, judged)
	}
	s.remember(outcome{ids, passed}, alerts, judged)
	return passed, nil
}

// ask asks the engine about all alerts that are not judged, in one call. The answers are by place. What cannot be
// asked fires: in doubt deliver.
func (s *Stage) ask(ctx context.Context, alerts []pipeline.Alert) (map[int]pipeline.Judged, error) {
	judged := map[int]pipeline.Judged{}
	var observed []pipeline.Observation
	var asked []int
	for i := range alerts {
		a := &alerts[i]
		switch {
		case a.Unjudged == nil:
			continue
		case a.Unjudged.Validate() != nil: // the intake refuses such; another bus may bring it
			judged[i] = pipeline.Judged{Fired: true, Degraded: true, Sight: pipeline.Sight{Count: 1, First: a.Time, Last: a.Time}}
			continue
		}
		o := a.Unjudged.Observation
		if o.Arrived.IsZero() {
			o.Arrived = s.now()
		}
		observed, asked = append(observed, o), append(asked, i)
	}
	if len(observed) == 0 {
		return judged, nil
	}
	answers, err := s.engine.Observe(ctx, observed)
	if err == nil && len(answers) != len(observed) {
		err = fmt.Errorf("%d answers", len(answers))
	}
	if err != nil {
		return nil, fmt.Errorf("ask the windows about %d occurrences: %w", len(observed), err)
	}
	for n, i := range asked {
		judged[i] = answers[n]
	}
	return judged, nil
}

// decide picks the alerts that go on and finishes copies of those that waited.
func decide(alerts []pipeline.Alert, judged map[int]pipeline.Judged) []pipeline.Alert {
	passed := make([]pipeline.Alert, 0, len(alerts))
	for i, a := range alerts {
		j, waited := judged[i]
		switch {
		case waited && !j.Fired:
			continue
		case waited:
			a.OutputFields, a.Annotations = maps.Clone(a.OutputFields), maps.Clone(a.Annotations)
			a.Show(j.Sight, j.Degraded)
		}
		passed = append(passed, a)
	}
	return passed
}

// Stats returns the counts so far.
func (s *Stage) Stats() StageStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Fired returns how many alerts of each rule were finished.
func (s *Stage) Fired() map[string]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.rules)
}

func (s *Stage) recall(ids []string) ([]pipeline.Alert, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(ids, s.last.ids) {
		return nil, false
	}
	return s.last.passed, true
}

func (s *Stage) remember(last outcome, alerts []pipeline.Alert, judged map[int]pipeline.Judged) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = last
	s.stats.Received += uint64(len(alerts))
	s.stats.Passed += uint64(len(alerts) - len(judged))
	for i, j := range judged {
		if !j.Fired {
			s.stats.Dropped++
			continue
		}
		s.stats.Fired++
		if j.Degraded {
			s.stats.Degraded++
		}
		rule := alerts[i].Rule
		if _, known := s.rules[rule]; known || len(s.rules) < maxRules {
			s.rules[rule]++
		}
	}
}
