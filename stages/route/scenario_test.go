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
	Escalations  []route.Escalation  `yaml:"escalations"`
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
	if s.Tree, err = route.NewTree(cfg.Route, all, cfg.Escalations...); err != nil {
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
