package match

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

// scripted are windows that say what a test wants, and note what they were shown.
type scripted struct {
	fires func(n int) bool // the nth occurrence; nil: none does
	shown []pipeline.Observation
	quiet bool // note nothing
	n     int
}

func (s *scripted) Judge(obs *pipeline.Observation, judged *pipeline.Judged) {
	s.n++
	if !s.quiet {
		o := *obs
		o.Key, o.Distinct, o.Changed, o.New = strings.Clone(o.Key), strings.Clone(o.Distinct), strings.Clone(o.Changed), strings.Clone(o.New)
		s.shown = append(s.shown, o)
	}
	*judged = pipeline.Judged{Fired: s.fires != nil && s.fires(s.n), Sight: pipeline.Sight{Count: uint64(s.n), First: obs.At, Last: obs.At}}
}

const windowRules = `
- rule: Many opens
  desc: d
  condition: evt.type = openat and proc.name = cat
  window: {by: [proc.pid, fd.name], within: 1m, count: {over: 2}, distinct: {field: fd.num, over: 1}, cooldown: 2m}
  output: "%window.count opens of %fd.name (%window.steps)"
  priority: WARNING
- rule: Fleet
  desc: d
  condition: evt.type = openat
  window: {by: [user.name], within: 1m, count: {over: 2}, changed: {field: container.image.tag}, new: {field: proc.name}}
  output: "%user.name: %window.count, %5window.distinct."
  priority: NOTICE
`

func TestAWindowOfTheNode(t *testing.T) {
	w := &scripted{fires: func(n int) bool { return n == 3 }}
	m := load(t, Config{Windows: w}, false, text(windowRules))
	var fired []pipeline.Alert
	for n := range 4 {
		ev := shadowRead()
		ev.Time += int64(n) * int64(time.Second)
		fired = append(fired, slices.DeleteFunc(alerts(m, ev), func(a pipeline.Alert) bool { return a.Rule == "Fleet" })...)
	}
	if len(fired) != 1 {
		t.Fatalf("%d alerts, want one: the window fires at the third of four", len(fired))
	}
	a, at := fired[0], time.Unix(1_700_000_002, 1).UTC()
	if a.Output != "3 opens of /etc/shadow (<NA>)" || a.Unjudged != nil || a.Window == nil || a.Window.Count != 3 || a.Cooldown != 2*time.Minute || !a.Time.Equal(at) {
		t.Errorf("alert = %+v, want it finished", a)
	}
	if a.OutputFields["window.count"] != int64(3) || a.OutputFields["fd.name"] != "/etc/shadow" || a.Annotations["window_count"] != "3" || a.Annotations["output"] != a.Output {
		t.Errorf("fields %v, annotations %v: want what the window had in view", a.OutputFields, a.Annotations)
	}
	if a.Labels["proc_pid"] != "30" || a.Labels["fd_name"] != "/etc/shadow" {
		t.Errorf("labels = %v, want the identity that the window counts by", a.Labels)
	}
	o := w.shown[2]
	want := pipeline.Observation{Window: o.Window, Key: o.Key, At: at, Arrived: at, Distinct: "3"}
	if diff := cmp.Diff(want, o); diff != "" || o.Window.Count != 2 || o.Key != w.shown[0].Key {
		t.Errorf("shown to the window (-want +got):\n%s", diff)
	}
	for _, r := range m.Stats().Rules {
		if want := map[string]uint64{"Many opens": 1, "Fleet": 0}[r.Rule]; r.Fired != want || r.Observed != 4 {
			t.Errorf("%s fired %d times of %d, want %d of 4", r.Rule, r.Fired, r.Observed, want)
		}
	}
}

func TestAWindowOfTheStore(t *testing.T) {
	ev := shadowRead()
	ev.Proc.Comm = "ca\xfft"
	for sentence, windows := range map[string]Windows{"beside windows of the node": &scripted{}, "without any": nil} {
		var got pipeline.Alert
		for _, a := range alerts(load(t, Config{Windows: windows}, false, text(windowRules)), ev) {
			if a.Rule == "Fleet" {
				got = a
			}
		}
		if got.Unjudged == nil || got.Output != "" || got.Annotations["output"] != "" || got.Window != nil {
			t.Fatalf("%s: alert = %+v, want one that waits", sentence, got)
		}
		o := got.Unjudged.Observation
		want := pipeline.Observation{
			Window: o.Window, Key: o.Key, ID: got.ID, At: time.Unix(1_700_000_000, 1).UTC(), Changed: "1.25", New: "ca\uFFFDt",
		}
		if diff := cmp.Diff(want, o); diff != "" || !strings.HasPrefix(o.Key, "5:Fleet") || !strings.HasSuffix(o.Key, "4:root") {
			t.Errorf("%s: observation with key %q (-want +got):\n%s", sentence, o.Key, diff)
		}
		if diff := cmp.Diff([]pipeline.OutputPart{{Text: "root: "}, {Sight: "window.count"}, {Text: ", "}, {Sight: "window.distinct", Width: 5}, {Text: "."}}, got.Unjudged.Output); diff != "" {
			t.Errorf("%s: output (-want +got):\n%s", sentence, diff)
		}
		if err := got.Unjudged.Validate(); err != nil {
			t.Errorf("%s: %v", sentence, err)
		}
		other := alerts(load(t, Config{Windows: windows, Host: "node-2"}, false, text(windowRules)), ev)
		if key := other[len(other)-1].Unjudged.Observation.Key; key != o.Key {
			t.Errorf("%s: key on another node = %q, want %q", sentence, key, o.Key)
		}
		body, err := json.Marshal(got)
		var back pipeline.Alert
		if err != nil || json.Unmarshal(body, &back) != nil || back.Unjudged.Observation.Key != o.Key || back.Unjudged.Observation.New != o.New {
			t.Errorf("%s: over the bus it became %s, %v", sentence, body, err)
		}
	}
}

// keyOf is what a rule with these parts of a window counts ev under.
func keyOf(t *testing.T, window string, ev *pipeline.Event) string {
	t.Helper()
	m := load(t, Config{}, false, text(`- {rule: K, desc: d, condition: evt.type = openat, output: o, priority: INFO, window: {`+window+`}}`))
	got := alerts(m, ev)
	if len(got) != 1 || got[0].Unjudged == nil {
		t.Fatalf("window %s: %+v, want one alert that waits", window, got)
	}
	return got[0].Unjudged.Observation.Key
}

func TestKeys(t *testing.T) {
	long := strings.Repeat("字", 100) // 300 bytes
	with := func(name, cmdline string) *pipeline.Event {
		ev := shadowRead()
		ev.Proc.Comm, ev.Proc.Cmdline = name, cmdline
		return ev
	}
	const two, base = "by: [proc.name, proc.cmdline], ", "within: 1m, count: {over: 2}"
	for sentence, c := range map[string]struct {
		a, b   string
		ea, eb *pipeline.Event
		same   bool
	}{
		"the same values":                         {two + base, two + base, with("a", "b"), with("a", "b"), true},
		"values cut at another place":             {two + base, two + base, with("ab", "c"), with("a", "bc"), false},
		"values that hold what separates them":    {two + base, two + base, with("1:a", "b"), with("1", "a1:b"), false},
		"other numbers":                           {two + base, two + "within: 2m, count: {over: 2}", with("a", "b"), with("a", "b"), false},
		"other fields of the same values":         {"by: [proc.name], " + base, "by: [proc.pname], " + base, with("sh", ""), with("sh", ""), false},
		"another field whose values are counted":  {base + ", distinct: {field: fd.name, over: 1}", base + ", distinct: {field: proc.pid, over: 1}", with("a", ""), with("a", ""), false},
		"long values that differ at their end":    {two + base, two + base, with("a", long+"x"), with("a", long+"y"), false},
		"long values that are the same":           {two + base, two + base, with("a", long), with("a", long), true},
		"nothing to count by, whatever the event": {base, base, with("a", "b"), with("c", "d"), true},
	} {
		a, b := keyOf(t, c.a, c.ea), keyOf(t, c.b, c.eb)
		if (a == b) != c.same || len(a) > 600 {
			t.Errorf("%s: keys %q and %q", sentence, a, b)
		}
	}
	none := shadowRead()
	none.Path, none.FD = [2]pipeline.Path{}, pipeline.FD{}
	if a := keyOf(t, "by: [fd.name], "+base, none); !strings.HasSuffix(a, noKeyPart) {
		t.Errorf("key without the value = %q, want it to end in %q", a, noKeyPart)
	}
}

func TestBypassedOccurrencesAreNotCounted(t *testing.T) {
	w := &scripted{}
	m := load(t, Config{Windows: w, Whitelist: granted("Many opens")}, false, text(windowRules))
	if got := alerts(m, shadowRead()); len(got) != 1 || len(w.shown) != 0 {
		t.Errorf("%d alerts, %d occurrences counted: want the other rule's alone", len(got), len(w.shown))
	}
	if s := m.Stats().Rules[0]; s.Bypassed != 1 || s.Observed != 0 {
		t.Errorf("stats = %+v, want it bypassed and not observed", s)
	}
}

func TestOnlyAWindowThatFiresStopsOtherRules(t *testing.T) {
	const last = `
- {rule: Last, desc: d, condition: evt.type = openat, output: o, priority: INFO}
`
	for fires, want := range map[bool]string{false: "Fleet, Last", true: "Many opens"} {
		m := load(t, Config{Windows: &scripted{fires: func(int) bool { return fires }}}, true, text(windowRules+last))
		var got []string
		for _, a := range alerts(m, shadowRead()) {
			got = append(got, a.Rule)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("a window that fires: %v: alerts of %q, want %q", fires, got, want)
		}
	}
}

const sequenceRules = `
- rule: Before
  desc: d
  condition: evt.type = openat and proc.name = nobody
  output: o
  priority: INFO
- rule: Chain
  desc: d
  condition: proc.name = cat
  window:
    by: [proc.pid]
    within: 1m
    sequence:
      - {name: reads, condition: evt.type = openat and fd.name startswith /etc}
      - {name: shadow, condition: evt.type = openat and fd.name = /etc/shadow}
      - {name: deletes, condition: evt.type = unlink}
  output: "%window.steps"
  priority: CRITICAL
- rule: After
  desc: d
  condition: evt.type = openat and fd.name startswith /etc
  output: o
  priority: INFO
`

func TestSequences(t *testing.T) {
	w := &scripted{}
	m := load(t, Config{Windows: w}, false, text(sequenceRules))
	passwd, unlink, stranger, elsewhere := shadowRead(), shadowRead(), shadowRead(), shadowRead()
	passwd.FD.Name, elsewhere.FD.Name = "/etc/passwd", "/tmp/x"
	unlink.Type, unlink.Path[0].Name = pipeline.EventUnlink, "/tmp/x"
	stranger.Proc.Comm = "dog"
	after := 0
	for _, ev := range []*pipeline.Event{shadowRead(), passwd, unlink, stranger, elsewhere} {
		after += len(alerts(m, ev))
	}
	var steps []uint16
	for _, o := range w.shown {
		steps = append(steps, o.Steps)
	}
	if diff := cmp.Diff([]uint16{0b011, 0b001, 0b100}, steps); diff != "" || after != 3 {
		t.Errorf("steps shown once for each event (-want +got), with %d alerts of the rule after it, want 3:\n%s", after, diff)
	}
	if types := m.EventTypes(); !slices.Contains(types, pipeline.EventUnlink) || m.Priorities()[pipeline.EventUnlink] != pipeline.Critical {
		t.Errorf("event types %v, priorities %v: want those of the steps among them", types, m.Priorities())
	}
}

func TestOccurrencesThatDoNotFireDoNotAllocate(t *testing.T) {
	w := &scripted{quiet: true}
	file := `{rule: Local, desc: d, condition: evt.type = openat, output: o, priority: INFO, window: {by: [proc.pid, fd.name, user.name, container.id],
		within: 1m, count: {over: 2}, distinct: {field: proc.cmdline, over: 1}, changed: {field: fd.num}, new: {field: proc.exepath}}}`
	long := shadowRead()
	long.Proc.Cmdline = strings.Repeat("x", 1000)
	for name, m := range map[string]*Matcher{
		"count": load(t, Config{Windows: w}, false, text("- "+file)), "sequence": load(t, Config{Windows: w}, false, text(sequenceRules[:strings.LastIndex(sequenceRules, "- rule")])),
	} {
		before, fired := w.n, 0
		emit := func(pipeline.Alert) { fired++ }
		events := []*pipeline.Event{shadowRead(), long}
		n := testing.AllocsPerRun(50, func() {
			for _, ev := range events {
				m.Match(ev, emit)
			}
		})
		if n != 0 || fired != 0 || w.n < before+100 {
			t.Errorf("%s: %v allocations, %d alerts for %d occurrences, want none for 100", name, n, fired, w.n-before)
		}
	}
}

// BenchmarkObserve is an event that a rule with a window counts, without what the window costs.
func BenchmarkObserve(b *testing.B) {
	m := load(b, Config{Windows: &scripted{quiet: true}}, false, text(windowRules[:strings.LastIndex(windowRules, "- rule")]))
	benchmark(b, m, []*pipeline.Event{shadowRead()})
}
