package route_test

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/route"
	"github.com/tocsin-security/tocsin/stages/route/inhibit"
)

var update = flag.Bool("update", false, "write the scenarios' messages anew")

// Each file of testdata/scenarios is one behaviour that people rely on or trip over: a configuration, what happens
// when, and the messages that go out. The header quotes what the file is about. The clock starts at midnight.
//
// Steps are "TIME WORD …", TIME being since the start:
//
//	event ID LABELS…             an event
//	alert ID LABELS… [for=5m] [began=1h]  a stateful alert; its end is that long from now on, or ours (5m) without for
//	resolve ID                   the producer says that it is over
//	silence ID FOR LABELS…       from now on; of an ID that is there: its new end
//	expire ID                    a silence ends before its time
//	ack ID FOR                   somebody takes care of an alert
//	repeats ID N                 dedupe has kept N repeats of an event quiet
//	reload FILE                  another configuration, from the archive
//	broken, whole                the bus takes nothing, or does again
//	inspect ID                   what Inspect says of the alert now, among the messages
//
// A message is "TIME INTEGRATION REASON: …", with the alerts as ID×COUNT, ID firing, ID resolved, and "again" where it
// may have been sent before.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			synctest.Test(t, func(t *testing.T) { got = play(t, archive) })
			if *update {
				last := &archive.Files[len(archive.Files)-1]
				last.Data = got
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(part(t, archive, "messages")), string(got)); diff != "" {
				t.Errorf("%s (-want +got), write it anew with -update:\n%s", file, diff)
			}
		})
	}
}

func part(t *testing.T, archive *txtar.Archive, name string) []byte {
	t.Helper()
	for _, f := range archive.Files {
		if f.Name == name {
			return f.Data
		}
	}
	t.Fatalf("there is no %s", name)
	return nil
}

// scenarioConfig is a configuration as far as routing goes.
type scenarioConfig struct {
	Route        *route.Config       `yaml:"route"`
	Receivers    []scenarioReceiver  `yaml:"receivers"` // default: ops and oncall
	InhibitRules []inhibit.Config    `yaml:"inhibit_rules"`
	Intervals    map[string][]string `yaml:"intervals"` // 22:00-06:00
	Summaries    route.Summaries     `yaml:"summaries"`
}

type scenarioReceiver struct {
	Name         string   `yaml:"name"`
	Integrations []string `yaml:"integrations"` // "topic" or "topic quiet": it does not want to hear of resolved ones
}

func scenarioSetup(t *testing.T, text []byte) route.Setup {
	t.Helper()
	cfg := scenarioConfig{Summaries: route.DefaultSummaries()}
	if err := yaml.UnmarshalWithOptions(text, &cfg, yaml.Strict()); err != nil {
		t.Fatalf("YAML: %v", err)
	}
	all := receivers("ops", "oncall")
	if cfg.Receivers != nil {
		all = nil
	}
	for _, r := range cfg.Receivers {
		to := route.Receiver{Name: r.Name}
		for _, i := range r.Integrations {
			topic, quiet := strings.CutSuffix(i, " quiet")
			to.Integrations = append(to.Integrations, route.Integration{Topic: topic, SendResolved: !quiet})
		}
		all = append(all, to)
	}
	s := route.Setup{Intervals: daily(cfg.Intervals), Summaries: cfg.Summaries}
	var err error
	if s.Tree, err = route.NewTree(cfg.Route, all); err != nil {
		t.Fatal(err)
	}
	if s.Inhibit, err = inhibit.New(cfg.InhibitRules, 5*time.Minute, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return s
}

// daily are intervals of every day, as "22:00-06:00".
type daily map[string][]string

func (d daily) In(name string, at time.Time) (bool, time.Time) {
	in := func(at time.Time) bool {
		now := at.UTC().Format("15:04")
		return slices.ContainsFunc(d[name], func(span string) bool {
			from, to, _ := strings.Cut(span, "-")
			if from <= to {
				return from <= now && now < to
			}
			return from <= now || now < to
		})
	}
	is := in(at)
	until := at.Truncate(time.Minute)
	for range 24 * 60 {
		if until = until.Add(time.Minute); in(until) != is {
			return is, until
		}
	}
	return is, time.Time{}
}

// player plays a scenario.
type player struct {
	*bench
	archive *txtar.Archive
	alerts  map[string]pipeline.Alert // the latest of each ID
	names   map[pipeline.Fingerprint]string
}

func play(t *testing.T, archive *txtar.Archive) []byte {
	p := &player{
		bench: startBench(t, scenarioSetup(t, part(t, archive, "config"))), archive: archive,
		alerts: map[string]pipeline.Alert{}, names: map[pipeline.Fingerprint]string{},
	}
	for line := range strings.Lines(string(part(t, archive, "steps"))) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		at, err := time.ParseDuration(words[0])
		if err != nil || len(words) < 2 {
			t.Fatalf("no step: %q: %v", line, err)
		}
		time.Sleep(time.Until(p.begin.Add(at)))
		synctest.Wait()
		for i := range words {
			words[i] = strings.TrimSuffix(words[i], ":")
		}
		p.step(words[1], words[2:])
		synctest.Wait()
	}
	return p.messages()
}

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

// messages are what went out.
func (p *player) messages() []byte {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	var lines []byte
	for i, n := range p.sent {
		if n.ID == "" { // of inspect
			lines = fmt.Appendln(lines, p.log[i])
			continue
		}
		text := fmt.Sprintf("%v %s %s:", n.CreatedAt.Sub(p.begin), n.Integration, n.Reason)
		for _, a := range n.Alerts {
			switch s := a.Stateful; {
			case s == nil:
				text += fmt.Sprintf(" %s×%d", a.ID, a.Count)
			case s.Resolved(n.CreatedAt):
				text += " " + p.names[a.Fingerprint] + " resolved"
			default:
				text += " " + p.names[a.Fingerprint] + " firing"
			}
		}
		for _, h := range n.Held {
			text += fmt.Sprintf(" %s by %s from %v to %v: %d rules, %d alerts, worst %v", h.Why, strings.Join(h.By, ", "),
				h.From.Sub(p.begin), h.To.Sub(p.begin), len(h.Rules)+h.More, h.Alerts, h.Worst)
		}
		if n.Again {
			text += " again"
		}
		lines = fmt.Appendln(lines, text)
	}
	return lines
}
