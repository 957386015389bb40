package route

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

var t0 = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

const (
	interval = 5 * time.Minute
	repeat   = 4 * time.Hour
)

// group is an input in the making: by default a route to two integrations, "a" which wants to hear of resolved alerts
// and "b" which does not, that told both of them something an hour ago.
func group(change ...func(*input)) input {
	in := input{
		now:       t0,
		group:     &pipeline.Claimed{Key: "key", Token: "token", Receiver: "ops", Labels: map[string]string{"l": "v"}, Upto: 7},
		route:     &Route{GroupInterval: interval, RepeatInterval: repeat},
		receiver:  Receiver{Name: "ops", Integrations: []Integration{{Topic: "a", SendResolved: true}, {Topic: "b"}}},
		memory:    memory{Number: 1, Ready: t0.Add(-time.Hour), Told: map[string]time.Time{"a": t0.Add(-time.Hour), "b": t0.Add(-time.Hour)}},
		members:   &members{by: map[pipeline.Fingerprint]*member{}},
		summaries: DefaultSummaries(),
		mine:      func(map[string]string) bool { return true },
		watch: watch{
			silenced:  func(map[string]string) []pipeline.Suppressed { return nil },
			inhibited: func(map[string]string, pipeline.Fingerprint) []pipeline.Suppressed { return nil },
			acked:     func(pipeline.Fingerprint) (pipeline.Suppressed, bool) { return pipeline.Suppressed{}, false },
		},
	}
	for _, c := range change {
		c(&in)
	}
	return in
}

// with adds a member that ends so long from now, posted ten minutes ago, of which these integrations know.
func with(fp pipeline.Fingerprint, ends time.Duration, change func(*member), told ...string) func(*input) {
	return func(in *input) {
		m := &member{Told: told, Alert: pipeline.Alert{
			ID: fmt.Sprint("id", fp), Rule: "R", Fingerprint: fp, Labels: map[string]string{"n": fmt.Sprint(uint64(fp))},
			Stateful: &pipeline.Stateful{StartsAt: t0.Add(-time.Hour), EndsAt: t0.Add(ends), UpdatedAt: t0.Add(-10 * time.Minute)},
		}}
		if change != nil {
			change(m)
		}
		in.members.put(m)
	}
}

func event(fp pipeline.Fingerprint) func(*input) {
	return func(in *input) {
		a := &pipeline.Alert{ID: fmt.Sprint("e", fp), Rule: "E", Fingerprint: fp, Time: t0, Count: 1, Priority: pipeline.Critical}
		in.events = append(in.events, merged{Alert: a, episode: pipeline.Episode{ID: a.ID}, counted: 1})
	}
}

func kept(why string) func(*member) { return func(m *member) { m.Kept = why } }
func posted(ago time.Duration) func(*member) {
	return func(m *member) { m.Alert.Stateful.UpdatedAt = t0.Add(-ago) }
}

func silencedUntil(until time.Duration, fps ...pipeline.Fingerprint) func(*input) {
	return func(in *input) {
		in.watch.silenced = func(labels map[string]string) []pipeline.Suppressed {
			for _, fp := range fps {
				if labels["n"] == fmt.Sprint(uint64(fp)) {
					return []pipeline.Suppressed{{Why: pipeline.BySilence, By: "s", Until: t0.Add(until)}}
				}
			}
			return nil
		}
	}
}

func mutedUntil(until time.Duration) func(*input) {
	return func(in *input) {
		in.watch.muted = []pipeline.Suppressed{{Why: pipeline.ByMuteInterval, By: "night", Until: t0.Add(until)}}
	}
}

func ackedUntil(until time.Duration, fps ...pipeline.Fingerprint) func(*input) {
	return func(in *input) {
		in.watch.acked = func(of pipeline.Fingerprint) (pipeline.Suppressed, bool) {
			return pipeline.Suppressed{Why: pipeline.ByAck, By: "li", Until: t0.Add(until)}, slices.Contains(fps, of)
		}
	}
}

// describe is what the table compares: messages; what is kept; when it is due.
func describe(o output) string {
	var parts []string
	for _, n := range o.notifications {
		text := n.Integration + " " + n.Reason + ":"
		for _, a := range n.Alerts {
			text += fmt.Sprint(" ", uint64(a.Fingerprint))
			if s := a.Stateful; s != nil && s.Resolved(n.CreatedAt) {
				text += "r"
			}
		}
		for _, h := range n.Held {
			text += fmt.Sprint(" held ", h.Alerts)
		}
		parts = append(parts, text)
	}
	if s := o.settled; len(s.Set)+len(s.Remove) > 0 {
		parts = append(parts, fmt.Sprintf("set %d remove %d", len(s.Set), len(s.Remove)))
	}
	switch s := o.settled; {
	case s.Gone:
		parts = append(parts, "gone")
	default:
		parts = append(parts, "due "+s.Due.Sub(t0).String())
	}
	if o.settled.Holds {
		parts = append(parts, "holds")
	}
	return strings.Join(parts, "; ")
}

func TestDecide(t *testing.T) {
	for name, tc := range map[string]struct {
		in   input
		want string
	}{
		"nothing is left":                               {group(), "gone"},
		"nothing is left, but the pace is kept":         {group(func(in *input) { in.memory.Ready = t0.Add(time.Minute) }), "due 1m0s"},
		"an event is told and gone":                     {group(event(1)), "a new alerts added: 1; b new alerts added: 1; due 5m0s"},
		"an event in a new group":                       {group(event(1), func(in *input) { in.memory = memory{} }), "a first notification: 1; b first notification: 1; due 5m0s"},
		"a new alert":                                   {group(with(1, time.Hour, nil)), "a first notification: 1; b first notification: 1; set 1 remove 0; due 1h0m0s"},
		"a new alert beside one that is known":          {group(with(1, 3*time.Hour, nil, "a", "b"), with(2, time.Hour, nil)), "a new alerts added: 1 2; b new alerts added: 1 2; set 1 remove 0; due 1h0m0s"},
		"nothing has changed":                           {group(with(1, 9*time.Hour, nil, "a", "b")), "due 3h0m0s"},
		"one integration is new":                        {group(with(1, 9*time.Hour, nil, "a")), "b first notification: 1; set 1 remove 0; due 3h0m0s"},
		"the last one is resolved":                      {group(with(1, 0, nil, "a", "b")), "a all alerts resolved: 1r; set 0 remove 1; due 5m0s"},
		"some are resolved":                             {group(with(1, 0, nil, "a", "b"), with(2, 9*time.Hour, nil, "a", "b")), "a some alerts resolved: 2 1r; set 0 remove 1; due 3h0m0s"},
		"resolved, and the other one is silenced":       {group(with(1, 0, nil, "a", "b"), with(2, 9*time.Hour, kept(pipeline.BySilence), "a", "b"), silencedUntil(time.Hour, 2)), "a some alerts resolved: 1r; set 0 remove 1; due 1h0m0s; holds"},
		"resolved before anybody was told":              {group(with(1, -9*time.Minute-59*time.Second, posted(0))), "set 0 remove 1; gone"},
		"over for want of news before anybody was told": {group(with(1, -time.Minute, nil)), "a first notification: 1; b first notification: 1; set 1 remove 0; due 5m0s"},
		"over for want of news":                         {group(with(1, -time.Minute, nil, "a", "b")), "a all alerts resolved: 1r; set 0 remove 1; due 5m0s"},
		"it goes elsewhere by now":                      {group(with(1, -time.Minute, nil, "a", "b"), func(in *input) { in.mine = func(map[string]string) bool { return false } }), "set 0 remove 1; gone"},
		"repeat_interval is over":                       {group(with(1, 9*time.Hour, nil, "a", "b"), func(in *input) { in.memory.Told["a"] = t0.Add(-repeat) }), "a repeat interval elapsed: 1; due 3h0m0s"},
		"a repeat tells of the end, too":                {group(with(1, 9*time.Hour, nil, "a", "b"), with(2, 0, nil, "b"), func(in *input) { in.memory.Told["b"] = t0.Add(-repeat) }), "b repeat interval elapsed: 1; set 0 remove 1; due 3h0m0s"},
		"kept back by a silence":                        {group(with(1, 9*time.Hour, nil, "a", "b"), silencedUntil(time.Hour, 1)), "set 1 remove 0; due 1h0m0s; holds"},
		"the silence is over":                           {group(with(1, 9*time.Hour, kept(pipeline.BySilence), "a", "b")), "a after silence: 1; b after silence: 1; set 1 remove 0; due 4h0m0s"},
		"the mute is over":                              {group(with(1, 9*time.Hour, kept(pipeline.ByMuteInterval), "a", "b")), "a after mute: 1; b after mute: 1; set 1 remove 0; due 4h0m0s"},
		"the inhibition is over":                        {group(with(1, 9*time.Hour, kept(pipeline.ByInhibition), "a", "b")), "set 1 remove 0; due 3h0m0s"},
		"resolved in the silence":                       {group(with(1, 0, kept(pipeline.BySilence), "a", "b"), silencedUntil(time.Hour, 1)), "due 1h0m0s; holds"},
		"resolved in the silence, which is over":        {group(with(1, 0, kept(pipeline.BySilence), "a", "b")), "a all alerts resolved: 1r; set 0 remove 1; due 5m0s"},
		"came and went in the silence":                  {group(with(1, 0, nil), silencedUntil(time.Hour, 1)), "set 0 remove 1; due 1h0m0s; holds"},
		"new in the silence: its end is looked at":      {group(with(1, 10*time.Minute, nil), silencedUntil(time.Hour, 1)), "set 1 remove 0; due 10m0s; holds"},
		"an event in a mute":                            {group(event(1), mutedUntil(time.Hour)), "due 1h0m0s; holds"},
		"the mute is over for an account": {group(func(in *input) {
			in.memory.Held = []account{{Held: pipeline.Held{Why: pipeline.ByMuteInterval, Alerts: 3}}}
		}), "a summary: held 3; b summary: held 3; due 5m0s"},
		"an account's silence goes on": {group(func(in *input) {
			in.memory.Held = []account{{Held: pipeline.Held{Why: pipeline.BySilence, Alerts: 3}, Labels: map[string]string{"n": "1"}}}
		}, silencedUntil(2*time.Hour, 1)), "due 2h0m0s; holds"},
		"acknowledged: an event":                        {group(event(1), ackedUntil(time.Hour, 1)), "gone"},
		"acknowledged: a repeat":                        {group(with(1, 9*time.Hour, nil, "a", "b"), ackedUntil(time.Hour, 1), func(in *input) { in.memory.Told["a"] = t0.Add(-repeat) }), "due 1h0m0s; holds"},
		"acknowledged: the end":                         {group(with(1, 0, nil, "a", "b"), ackedUntil(time.Hour, 1)), "a all alerts resolved: 1r; set 0 remove 1; due 5m0s"},
		"acknowledged, and another is new":              {group(with(1, 9*time.Hour, nil, "a", "b"), with(2, 9*time.Hour, nil), ackedUntil(time.Hour, 1)), "a new alerts added: 1 2; b new alerts added: 1 2; set 1 remove 0; due 1h0m0s; holds"},
		"acknowledged, over for want of news":           {group(with(1, -time.Minute, nil), ackedUntil(time.Hour, 1)), "set 0 remove 1; gone"},
		"nobody to tell":                                {group(event(1), with(2, -time.Minute, nil), func(in *input) { in.receiver = Receiver{} }), "set 0 remove 1; gone"},
		"an end before the group is ready waits for it": {group(with(1, time.Minute, nil, "a", "b"), func(in *input) { in.memory.Ready = t0.Add(4 * time.Minute) }), "due 4m0s"},
		"a silence's end does not wait":                 {group(with(1, 9*time.Hour, nil, "a", "b"), silencedUntil(time.Minute, 1), func(in *input) { in.memory.Ready = t0.Add(4 * time.Minute) }), "set 1 remove 0; due 1m0s; holds"},
		"kept back without an end: looked at in a day":  {group(with(1, 99*time.Hour, nil, "a", "b"), func(in *input) { in.watch.muted = []pipeline.Suppressed{{Why: pipeline.ByMuteInterval, By: "always"}} }), "set 1 remove 0; due 24h0m0s; holds"},
		"events and what fires anew go out together":    {group(event(9), with(1, 9*time.Hour, nil)), "a first notification: 9 1; b first notification: 9 1; set 1 remove 0; due 4h0m0s"},
		"a message of events does not put off a repeat": {group(event(9), with(1, 9*time.Hour, nil, "a", "b")), "a new alerts added: 9; b new alerts added: 9; due 3h0m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			out := decide(tc.in)
			if out.err != nil {
				t.Fatal(out.err)
			}
			if got := describe(out); got != tc.want {
				t.Errorf("decide:\n  %s, want\n  %s", got, tc.want)
			}
			if s := out.settled; s.Upto != 7 || s.Token != "token" {
				t.Errorf("settled with mark %d and token %q, want those of the claim", s.Upto, s.Token)
			}
		})
	}
}

// The same told for the same reason is one message, however often a process dies over it; told anew it is another.
func TestDeliveryIDs(t *testing.T) {
	ids := func(o output) (all []string) {
		for _, n := range o.notifications {
			all = append(all, n.ID)
		}
		return all
	}
	first := func() []string {
		return ids(decide(group(with(1, 9*time.Hour, kept(pipeline.BySilence), "a", "b"), event(2))))
	}
	if got, want := first(), first(); !slices.Equal(got, want) || got[0] == got[1] {
		t.Errorf("delivery ids %v, want %v again, and one for each integration", got, want)
	}
	later := ids(decide(group(with(1, 9*time.Hour, kept(pipeline.BySilence), "a", "b"), event(2), func(in *input) { in.memory.Number = 2 })))
	if later[0] == first()[0] {
		t.Errorf("told anew it has the delivery id of before, %s: the bus would drop it", later[0])
	}
}

func TestWhatCannotBeReadIsLeftOut(t *testing.T) {
	ms, err := readMembers([]pipeline.Member{{Fingerprint: 1, Body: []byte("{")}, {Fingerprint: 2, Body: []byte(`{"alert":{"fingerprint":"2","stateful":{}}}`)}})
	if err == nil || len(ms.all) != 1 {
		t.Errorf("readMembers = %d members, %v, want the one that can be read, and an error", len(ms.all), err)
	}
	if _, err := readMemory([]byte("{")); err == nil {
		t.Error("readMemory of rubbish = nil")
	}
}

func BenchmarkDecide(b *testing.B) {
	for name, in := range map[string]func() input{
		"an event":                func() input { return group(event(1)) },
		"a member":                func() input { return group(with(1, 9*time.Hour, nil, "a", "b")) },
		"a thousand idle members": func() input { return manyMembers(1000, "a", "b") },
		"a thousand members anew": func() input { return manyMembers(1000) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if out := decide(in()); out.err != nil {
					b.Fatal(out.err)
				}
			}
		})
	}
}

func manyMembers(n int, told ...string) input {
	in := group()
	for i := range n {
		with(pipeline.Fingerprint(i), 9*time.Hour, nil, told...)(&in)
	}
	return in
}

// An alert that fires again, when its group has been forgotten meanwhile, has a delivery id of its own: the bus would drop it
// for the one before.
func TestFiringAgainHasAnotherDeliveryID(t *testing.T) {
	fires := func(since time.Duration) string {
		out := decide(group(func(in *input) { in.memory = memory{} }, with(1, time.Hour, func(m *member) {
			m.Alert.Stateful.StartsAt, m.fresh = t0.Add(since), true
		})))
		if len(out.notifications) == 0 {
			t.Fatalf("an alert that fires since %s is not told", since)
		}
		return out.notifications[0].ID
	}
	if first, again := fires(-time.Hour), fires(-time.Minute); first == again {
		t.Error("an alert that fires again has the id of before")
	}
}
