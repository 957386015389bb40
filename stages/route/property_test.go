package route_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/route"
)

// move is something that happens, pause after the one before.
type move struct {
	pause time.Duration
	kind  string
	of    int // a class of events, or how long
}

// Whatever the order in which events come, silences and mutes begin and end, and processes die between publishing and
// noting it: every event is told, or is in an account that is told, or was counted as inhibited or acknowledged.
func TestNoEventIsLost(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		moves := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) move {
			return move{
				pause: time.Duration(rapid.IntRange(0, 120).Draw(rt, "pause")) * time.Second,
				kind: rapid.SampledFrom([]string{"event", "event", "event", "source", "stateful", "silence", "expire", "ack", "wake",
					"kill", "half", "refuse"}).Draw(rt, "kind"),
				of: rapid.IntRange(0, 3).Draw(rt, "of"),
			}
		}), 1, 60).Draw(rt, "moves")
		var lost []string
		synctest.Test(t, func(t *testing.T) { lost = playMoves(t, moves) })
		if len(lost) > 0 {
			rt.Fatalf("lost: %v", lost)
		}
	})
}

const propertyConfig = `
intervals: {some: ["00:10-00:20", "00:40-00:50"]}
summaries: {mute: true, silence: true}
inhibit_rules: [{source_matchers: [rule = source], target_matchers: [class = "1"]}]
route:
  receiver: ops
  group_by: [class]
  group_wait: 30s
  group_interval: 2m
  repeat_interval: 10m
  routes: [{matchers: [class = "2"], mute_time_intervals: [some]}]`

// playMoves returns the events that nobody heard of.
func playMoves(t *testing.T, moves []move) (lost []string) {
	b := startBench(t, scenarioSetup(t, []byte(propertyConfig)))
	var events []pipeline.Alert
	for i, m := range moves {
		time.Sleep(m.pause)
		class := fmt.Sprint("class=", m.of)
		switch m.kind {
		case "event":
			a := alert(fmt.Sprint("e", i), fmt.Sprint(class, " n=", i))
			a.Rule = a.ID
			events = append(events, a)
			b.add(a)
		case "source":
			b.add(alert(fmt.Sprint("s", i), fmt.Sprint("rule=source n=", i)))
		case "stateful":
			a := alert(fmt.Sprint("m", i), class+" kind=stateful")
			a.Stateful = &pipeline.Stateful{StartsAt: a.Time, EndsAt: a.Time.Add(time.Duration(m.of) * time.Minute), UpdatedAt: a.Time}
			b.add(a)
		case "silence":
			b.silences.silence(fmt.Sprint("silence", m.of), labels(class), time.Now(), time.Now().Add(7*time.Minute))
		case "expire":
			b.silences.silence(fmt.Sprint("silence", m.of), nil, time.Now(), time.Now())
			fallthrough
		case "wake":
			if err := b.Wake(t.Context()); err != nil {
				t.Fatal(err)
			}
		case "ack":
			if len(events) > 0 {
				b.silences.ack(events[len(events)-1].Fingerprint, time.Now().Add(3*time.Minute))
			}
		case "kill":
			b.store.failSettle(errors.New("killed"))
		case "half", "refuse":
			b.breakOnce(m.kind == "half")
		}
	}
	time.Sleep(2 * time.Hour)
	synctest.Wait()
	return b.unheard(events)
}

// unheard are the events that no message and no step accounts for.
func (b *bench) unheard(events []pipeline.Alert) (lost []string) {
	heard := map[string]bool{}
	for _, n := range b.sent {
		for _, a := range n.Alerts {
			heard[a.ID] = true
		}
		for _, h := range n.Held {
			for _, r := range h.Rules {
				heard[r.Rule] = true
			}
		}
	}
	kept := map[pipeline.Fingerprint]bool{}
	for _, s := range b.steps.all {
		if s.Verdict == "inhibited" || s.Verdict == "acknowledged" {
			kept[s.Fingerprint] = true
		}
	}
	for _, e := range events {
		if !heard[e.ID] && !kept[e.Fingerprint] {
			lost = append(lost, e.ID)
		}
	}
	return lost
}

// BenchmarkAdd is what routing costs, without the store.
func BenchmarkAdd(b *testing.B) {
	const yaml = "{receiver: ops, group_by: [rule], routes: [{matchers: [p = high], receiver: oncall}]}"
	for _, distinct := range []bool{false, true} {
		b.Run(fmt.Sprintf("100 alerts, a group each: %v", distinct), func(b *testing.B) {
			tree, err := route.NewTree(parse(b, yaml), receivers("ops", "oncall"))
			if err != nil {
				b.Fatal(err)
			}
			g := route.NewGrouper(route.Setup{Tree: tree}, route.Deps{Groups: noGroups{}})
			var alerts []pipeline.Alert
			for i := range 100 {
				set := "rule=x p=low n=1"
				if distinct {
					set = fmt.Sprint("p=low rule=", i)
				}
				alerts = append(alerts, alert(fmt.Sprint(i), set))
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := g.Add(b.Context(), alerts); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
