package main

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/sensor"
)

func TestLossesAreToldAtAThresholdAndNotTooOften(t *testing.T) {
	start := time.Unix(1000, 0)
	cfg := sensor.LossAlertConfig{Every: pipeline.Duration(time.Minute), Events: 2, Shortened: 10}
	count := func(ring, decode, args uint64) losses {
		return losses{pipeline.LossRingFull: ring, pipeline.LossDecode: decode, pipeline.LossArgsTruncated: args}
	}
	type look struct {
		after time.Duration
		now   losses
		want  losses // zero: nothing is told
	}
	for sentence, c := range map[string]struct {
		cfg   sensor.LossAlertConfig
		looks []look
	}{
		"whole events of all causes together reach the threshold": {cfg, []look{
			{1 * time.Second, count(1, 0, 0), losses{}},
			{2 * time.Second, count(1, 1, 0), count(1, 1, 0)},
		}},
		"shortened events have their own": {cfg, []look{
			{1 * time.Second, count(1, 0, 9), losses{}},
			{2 * time.Second, count(1, 0, 10), count(1, 0, 10)},
		}},
		"the next alert waits, and tells what came since": {cfg, []look{
			{1 * time.Second, count(5, 0, 0), count(5, 0, 0)},
			{30 * time.Second, count(50, 0, 0), losses{}},
			{61 * time.Second, count(60, 0, 0), count(55, 0, 0)},
			{3 * time.Minute, count(60, 0, 0), losses{}},
		}},
		"no pause means that nobody is told": {sensor.LossAlertConfig{Events: 1}, []look{{1 * time.Second, count(9, 9, 9), losses{}}}},
	} {
		t.Run(sentence, func(t *testing.T) {
			alarm := lossAlarm{cfg: c.cfg}
			for _, l := range c.looks {
				got, ok := alarm.due(start.Add(l.after), l.now)
				if !ok {
					got = losses{}
				}
				if diff := cmp.Diff(l.want, got); diff != "" {
					t.Errorf("after %v (-want +got):\n%s", l.after, diff)
				}
			}
		})
	}
}

func TestAlertsAroundALossAreFlagged(t *testing.T) {
	const offset, event = int64(5 * time.Minute), int64(time.Hour)
	lostAt := func(d time.Duration) uint64 { return uint64(event + int64(d) - offset) }
	for sentence, c := range map[string]struct {
		last uint64
		want bool
	}{
		"nothing was ever lost":                          {0, false},
		"a loss long before":                             {lostAt(-lossyFor - 1), false},
		"a loss shortly before":                          {lostAt(-lossyFor), true},
		"a loss at the same time":                        {lostAt(0), true},
		"losses went on for a minute before it was read": {lostAt(time.Minute), true},
	} {
		if got := isLossy(event, c.last, offset); got != c.want {
			t.Errorf("%s: isLossy = %v, want %v", sentence, got, c.want)
		}
	}
}

// The counters are looked at while events flow, and once more when they have stopped.
func TestLossesAreWatchedToTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		counts := losses{pipeline.LossShed: 5}
		var told []string
		w := lossWatch{
			cfg: sensor.LossAlertConfig{Every: pipeline.Duration(time.Minute), Events: 1}, host: "n1", log: slog.New(slog.DiscardHandler),
			read: func() (losses, error) { return counts, nil },
			emit: func(a pipeline.Alert) error { told = append(told, a.Output); return nil },
		}
		done := make(chan error)
		go func() { done <- w.run(ctx) }()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		counts[pipeline.LossShed] = 7
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := []string{"events lost or shortened: shed=5", "events lost or shortened: shed=2"}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

func TestLossAlert(t *testing.T) {
	rule := lossRule(sensor.LossAlertConfig{Every: pipeline.Duration(time.Minute), Events: 1})
	a := losses{pipeline.LossRingFull: 3, pipeline.LossShed: 40}.alert(rule, "n1")
	if a.Output != "events lost or shortened: ring_full=3 shed=40" || a.Source != "internal" || a.Priority != pipeline.Warning || a.ID == "" {
		t.Errorf("alert = %+v", a)
	}
	if diff := cmp.Diff(pipeline.Fields{"loss.ring_full": uint64(3), "loss.shed": uint64(40)}, a.OutputFields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if a.Annotations["loss_shed"] != "40" || a.Annotations["description"] == "" || a.Annotations["description_zh"] == "" {
		t.Errorf("annotations = %v, want the fields and both descriptions", a.Annotations)
	}
	if a.QuietFor <= 0 || a.QuietFor >= time.Minute {
		t.Errorf("repeats stay quiet for %v: the alert of the next minute, with other counts, must go out", a.QuietFor)
	}
	if b := (losses{pipeline.LossDecode: 1}).alert(rule, "n1"); a.Fingerprint != b.Fingerprint {
		t.Error("two losses on one host are two things: they are one that repeats")
	}
	if b := (losses{pipeline.LossDecode: 1}).alert(rule, "n2"); a.Fingerprint == b.Fingerprint {
		t.Error("losses on two hosts are one thing")
	}
}
