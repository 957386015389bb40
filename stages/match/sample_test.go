package match

import (
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
)

// sampler covers one rule, and keeps samples of what it covers while it wants any.
type sampler struct {
	rule    string
	wants   int
	asked   []*pipeline.Event
	samples []pipeline.Alert
}

func (s *sampler) Bypass(rule string, ev *pipeline.Event) (string, bool) {
	s.asked = append(s.asked, ev)
	return "e", rule == s.rule
}

func (s *sampler) Wants(entry, rule string, _ *pipeline.Event) bool {
	s.wants--
	return entry == "e" && rule == s.rule && s.wants >= 0
}

func (s *sampler) Keep(_ string, a pipeline.Alert) { s.samples = append(s.samples, a) }

// Of what is covered a sample is made as the alert would have been, as often as it is wanted.
func TestSamplesOfWhatIsCovered(t *testing.T) {
	s := &sampler{rule: "One", wants: 1}
	m := load(t, Config{Whitelist: s}, false, text(two))
	told := alerts(load(t, Config{}, false, text(two)), shadowRead())
	for range 3 {
		for _, a := range alerts(m, shadowRead()) {
			if a.Rule == "One" {
				t.Errorf("told of %+v, which is covered", a)
			}
		}
	}
	if len(s.samples) != 1 || s.samples[0].ID != told[0].ID || s.samples[0].Output != told[0].Output || s.samples[0].Output == "" {
		t.Errorf("samples = %+v, want one like %+v", s.samples, told[0])
	}
}

// A posted event's members are there for the whitelist to ask.
func TestSamplesOfPostedEvents(t *testing.T) {
	s := &sampler{rule: "Any login", wants: 1}
	p := payloadOf(t, Config{Whitelist: s}, false, loginRules+`
- {rule: Any login, source: json, condition: event.type == "login", output: "login of %event.user.name", priority: INFO, desc: d}
`)
	ev := pipeline.Structured{ID: "id", Source: "json", At: shadowRead().At(), Body: []byte(`{"type": "login", "user": {"name": "li"}}`)}
	for range 2 {
		if _, err := p.Match(ev); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.samples) != 1 || s.samples[0].Output != "login of li" || s.samples[0].Unjudged != nil {
		t.Errorf("samples = %+v, want one login of li", s.samples)
	}
	if asked := s.asked[len(s.asked)-1]; asked.Extra["type"] != "login" {
		t.Errorf("the whitelist sees the members %v, want those of the event", asked.Extra)
	}
}
