package window

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

// engineFunc is an Engine that a test writes.
type engineFunc func([]pipeline.Observation) ([]pipeline.Judged, error)

func (f engineFunc) Observe(_ context.Context, observed []pipeline.Observation) ([]pipeline.Judged, error) {
	return f(observed)
}

var began = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// waits is an alert of a rule whose window has to be asked.
func waits(id, key string) pipeline.Alert {
	return pipeline.Alert{
		ID: id, Rule: "R", Time: began, OutputFields: pipeline.Fields{}, Annotations: map[string]string{}, Cooldown: time.Minute,
		Unjudged: &pipeline.Unjudged{
			Observation: pipeline.Observation{Window: &pipeline.Window{Count: 1, Within: time.Minute}, Key: key, ID: id, At: began},
			Output:      []pipeline.OutputPart{{Text: "n="}, {Sight: "window.count"}},
		},
	}
}

func process(t *testing.T, s *Stage, alerts ...pipeline.Alert) []string {
	t.Helper()
	passed, err := s.Process(context.Background(), alerts)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range passed {
		if a.Unjudged != nil {
			t.Errorf("alert %s passes and still waits", a.ID)
		}
		got = append(got, a.ID+" "+a.Output)
	}
	return got
}

// counting fires on every second occurrence of a key.
func counting(asked *int) engineFunc {
	counts := map[string]uint64{}
	return func(observed []pipeline.Observation) ([]pipeline.Judged, error) {
		*asked++
		judged := make([]pipeline.Judged, len(observed))
		for i, o := range observed {
			counts[o.Key]++
			n := counts[o.Key]
			judged[i] = pipeline.Judged{Fired: n%2 == 0, Sight: pipeline.Sight{Count: n, First: o.At, Last: o.Arrived}}
		}
		return judged, nil
	}
}

func TestAlertsOfABatch(t *testing.T) {
	asked := 0
	s := NewStage(counting(&asked))
	plain := pipeline.Alert{ID: "p", Rule: "P", Output: "as it is"}
	batch := []pipeline.Alert{waits("1", "a"), plain, waits("2", "b"), waits("3", "a"), waits("4", "b"), waits("5", "a")}
	want := []string{"p as it is", "3 n=2", "4 n=2"}
	if diff := cmp.Diff(want, process(t, s, batch...)); diff != "" {
		t.Errorf("passed (-want +got):\n%s", diff)
	}
	if batch[3].Unjudged == nil || len(batch[3].OutputFields) > 0 || len(batch[3].Annotations) > 0 {
		t.Error("Process changed the batch it was given")
	}
	// The bus hands the batch out again when a later stage fails on it.
	if diff := cmp.Diff(want, process(t, s, batch...)); diff != "" || asked != 1 {
		t.Errorf("the engine was asked %d times, want once for both deliveries; passed (-want +got):\n%s", asked, diff)
	}
	if diff := cmp.Diff(StageStats{Received: 6, Passed: 1, Fired: 2, Dropped: 3}, s.Stats()); diff != "" {
		t.Errorf("Stats (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]uint64{"R": 2}, s.Fired()); diff != "" {
		t.Errorf("Fired (-want +got):\n%s", diff)
	}
}

func TestWhenAnOccurrenceArrived(t *testing.T) {
	var arrived []time.Time
	s := NewStage(engineFunc(func(observed []pipeline.Observation) ([]pipeline.Judged, error) {
		for _, o := range observed {
			arrived = append(arrived, o.Arrived)
		}
		return make([]pipeline.Judged, len(observed)), nil
	}))
	s.now = func() time.Time { return began.Add(time.Hour) }
	noted := waits("2", "a")
	noted.Unjudged.Observation.Arrived = began.Add(time.Second)
	process(t, s, waits("1", "a"), noted)
	if diff := cmp.Diff([]time.Time{began.Add(time.Hour), began.Add(time.Second)}, arrived); diff != "" {
		t.Errorf("arrived: now, unless it was noted (-want +got):\n%s", diff)
	}
}

func TestWhatCannotBeAsked(t *testing.T) {
	asked := 0
	s := NewStage(counting(&asked))
	bad := waits("1", "a")
	bad.Unjudged.Observation.Window = nil
	passed, err := s.Process(context.Background(), []pipeline.Alert{bad, waits("2", "a")})
	if err != nil || len(passed) != 1 || !passed[0].Degraded || passed[0].Output != "n=1" {
		t.Errorf("an alert without a window: %+v, %v: want it delivered, and marked", passed, err)
	}
	broken := errors.New("no")
	for sentence, e := range map[string]engineFunc{
		"an engine that fails":              func([]pipeline.Observation) ([]pipeline.Judged, error) { return nil, broken },
		"an engine that answers too little": func([]pipeline.Observation) ([]pipeline.Judged, error) { return nil, nil },
	} {
		passed, err := NewStage(e).Process(context.Background(), []pipeline.Alert{waits("1", "a")})
		if err == nil || passed != nil || !strings.Contains(err.Error(), "1 occurrences") {
			t.Errorf("%s: %v, %v: want an error", sentence, passed, err)
		}
	}
}

func TestAStandInsAnswerIsMarked(t *testing.T) {
	s := NewStage(engineFunc(func([]pipeline.Observation) ([]pipeline.Judged, error) {
		return []pipeline.Judged{{Fired: true, Degraded: true}}, nil
	}))
	passed, err := s.Process(context.Background(), []pipeline.Alert{waits("1", "a")})
	if err != nil || len(passed) != 1 || !passed[0].Degraded || s.Stats().Degraded != 1 {
		t.Errorf("%+v, %v, %+v: want one alert, marked and counted as degraded", passed, err, s.Stats())
	}
}
