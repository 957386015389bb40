package route_test

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

func (p *player) step(word string, args []string) {
	p.t.Helper()
	switch word {
	case "event":
		set := labels(strings.Join(args[1:], " "))
		a := alert(args[0], strings.Join(args[1:], " "))
		a.Rule, a.Output, a.Priority = set["rule"], "output of "+args[0], pipeline.Warning
		if priority, err := pipeline.ParsePriority(set["priority"]); err == nil {
			a.Priority = priority
		}
		p.post(args[0], a)
	case "alert":
		p.stateful(args)
	case "resolve":
		a := p.alerts[args[0]]
		s := *a.Stateful
		s.EndsAt, s.UpdatedAt, s.Timeout = time.Now(), time.Now(), false
		a.Stateful = &s
		p.post(args[0], a)
	case "silence":
		p.silences.silence(args[0], labels(strings.Join(args[2:], " ")), time.Now(), time.Now().Add(p.duration(args[1])))
	case "expire":
		p.silences.silence(args[0], nil, time.Now(), time.Now())
		p.wake()
	case "ack":
		p.silences.ack(p.alerts[args[0]].Fingerprint, time.Now().Add(p.duration(args[1])))
	case "repeats":
		var n uint64
		if _, err := fmt.Sscan(args[1], &n); err != nil {
			p.t.Fatal(err)
		}
		p.repeats.mu.Lock()
		p.repeats.untold[args[0]] = n
		p.repeats.mu.Unlock()
	case "reload":
		p.Use(scenarioSetup(p.t, part(p.t, p.archive, args[0])))
		p.wake()
	case "broken":
		p.breakBus(os.ErrClosed)
	case "whole":
		p.breakBus(nil)
	case "inspect":
		p.inspect(args[0])
	case "end":
	default:
		p.t.Fatalf("no such step: %s", word)
	}
}

func (p *player) duration(text string) time.Duration {
	p.t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		p.t.Fatal(err)
	}
	return d
}

func (p *player) wake() {
	p.t.Helper()
	if err := p.Wake(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}

func (p *player) stateful(args []string) {
	set := labels(strings.Join(args[1:], " "))
	lasts, given := set["for"]
	began := set["began"]
	delete(set, "for")
	delete(set, "began")
	now := time.Now()
	a := pipeline.Alert{
		ID: fmt.Sprint(args[0], "@", time.Since(p.begin)), Time: now, Rule: set["alertname"], Labels: set,
		Fingerprint: pipeline.FingerprintOf(set), Priority: pipeline.Warning,
		Stateful: &pipeline.Stateful{StartsAt: now, EndsAt: now.Add(5 * time.Minute), UpdatedAt: now, Timeout: true},
	}
	if given {
		a.Stateful.EndsAt, a.Stateful.Timeout = now.Add(p.duration(lasts)), false
	}
	if before, again := p.alerts[args[0]]; again && !before.Stateful.Resolved(now) {
		a.Stateful.StartsAt = before.Stateful.StartsAt
	}
	if began != "" {
		a.Stateful.StartsAt = now.Add(-p.duration(began))
	}
	p.post(args[0], a)
}

func (p *player) post(id string, a pipeline.Alert) {
	p.t.Helper()
	p.alerts[id], p.names[a.Fingerprint] = a, id
	p.add(a)
}

func (p *player) inspect(id string) {
	p.t.Helper()
	all, err := p.Inspect(p.t.Context(), time.Now(), []pipeline.Live{{Alert: p.alerts[id]}})
	if err != nil {
		p.t.Fatal(err)
	}
	line := fmt.Sprintf("%v inspect %s:", time.Since(p.begin), id)
	for _, s := range all[0].Suppressed {
		line += " " + p.reason(s)
	}
	for _, in := range all[0].Groups {
		due := "never"
		if !in.Due.IsZero() {
			due = in.Due.Sub(p.begin).String()
		}
		line += fmt.Sprintf(" → %s for %s, due %s", strings.Join(in.Path, " "), in.Receiver, due)
		for _, s := range in.Muted {
			line += " " + p.reason(s)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, line)
	p.sent = append(p.sent, pipeline.Notification{})
}

// reason is why something is kept back, with the alert's ID in place of its fingerprint.
func (p *player) reason(s pipeline.Suppressed) string {
	by := s.By
	for fp, id := range p.names {
		if fp.String() == by {
			by = id
		}
	}
	text := fmt.Sprintf("[%s by %s", s.Why, by)
	if s.Rule != "" {
		text += " of rule " + s.Rule
	}
	if !s.Until.IsZero() {
		text += fmt.Sprint(" until ", s.Until.Sub(p.begin))
	}
	return text + "]"
}
