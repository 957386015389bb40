package pipeline

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func sight() Sight {
	at := time.Date(2026, 11, 23, 10, 2, 3, 4_000_000, time.FixedZone("", 8*3600))
	return Sight{
		Count: 11, Distinct: 3, Rate: 12.3456, Values: []string{"22", "80", "\xff443"}, First: at, Last: at.Add(6 * time.Second),
		Previous: "CN", Steps: []time.Time{at, at.Add(6 * time.Second)},
	}
}

func waits(w Window, output ...OutputPart) Alert {
	return Alert{
		ID: "1", Rule: "R", OutputFields: Fields{"proc.name": "cat"}, Annotations: map[string]string{"window_last": "the rule's own"},
		Unjudged: &Unjudged{Observation: Observation{Window: &w, Key: "k", ID: "1", At: time.Unix(1, 0)}, Output: output, Steps: []string{"shell", "download"}},
	}
}

func TestWhatAnAlertShowsOfItsWindow(t *testing.T) {
	a := waits(Window{Count: 10, Distinct: 2, Rate: 1, RateSpan: time.Second},
		OutputPart{Text: "n="}, OutputPart{Sight: "window.count"}, OutputPart{Text: " v="}, OutputPart{Sight: "window.values", Width: 6},
		OutputPart{Text: " r="}, OutputPart{Sight: "window.rate", Width: 7}, OutputPart{Text: "."})
	a.Show(sight(), true)
	want := Alert{
		ID: "1", Rule: "R", Output: "n=11 v=22, 80 r=12.35  .", Degraded: true, Window: a.Window,
		OutputFields: Fields{
			"proc.name": "cat", "window.count": int64(11), "window.distinct": int64(3), "window.rate": 12.35, "window.values": "22, 80, \uFFFD443",
			"window.first": "2026-11-23T02:02:03Z", "window.last": "2026-11-23T02:02:09Z", "window.previous": "CN",
			"window.steps": "shell 02:02:03, download 02:02:09",
		},
		Annotations: map[string]string{
			"output": "n=11 v=22, 80 r=12.35  .", "window_last": "the rule's own", "window_count": "11", "window_distinct": "3",
			"window_rate": "12.35", "window_values": "22, 80, \uFFFD443", "window_first": "2026-11-23T02:02:03Z", "window_previous": "CN",
			"window_steps": "shell 02:02:03, download 02:02:09",
		},
	}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("alert (-want +got):\n%s", diff)
	}
	if a.Window == nil || a.Window.Count != 11 || a.Window.Values[2] != "\uFFFD443" {
		t.Errorf("Window = %+v, want what was in view", a.Window)
	}
}

// What the window was not asked for is <NA> in the output and null in the fields, and is in neither when the
// output does not name it.
func TestWhatAWindowDoesNotHave(t *testing.T) {
	a := waits(Window{Changed: time.Hour}, OutputPart{Sight: "window.distinct"}, OutputPart{Text: " "}, OutputPart{Sight: "window.steps", Width: 6})
	a.OutputFields, a.Annotations = nil, nil
	a.Show(Sight{Count: 1}, false)
	want := waits(Window{})
	want.Unjudged, want.Window = nil, &Sight{Count: 1}
	want.Output = "<NA> <NA>  "
	want.OutputFields = Fields{"window.count": int64(1), "window.distinct": nil, "window.steps": nil}
	want.Annotations = map[string]string{"output": want.Output, "window_count": "1"}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("alert (-want +got):\n%s", diff)
	}
}

func TestRoundRate(t *testing.T) {
	for rate, want := range map[float64]float64{0: 0, math.NaN(): 0, -1: 0, 1.0 / 3600: 0.0002778, 0.1: 0.1, 12.3456: 12.35, 999.96: 1000, 123456.7: 123457} {
		if got := roundRate(rate); got != want {
			t.Errorf("roundRate(%v) = %v, want %v", rate, got, want)
		}
	}
}

func TestUnjudgedThatNoWindowCanBeAsked(t *testing.T) {
	for sentence, c := range map[string]struct {
		change func(*Unjudged)
		want   string
	}{
		"as rules make it":        {func(*Unjudged) {}, ""},
		"without a window":        {func(u *Unjudged) { u.Observation.Window = nil }, "no window"},
		"without a key":           {func(u *Unjudged) { u.Observation.Key = "" }, "key and id"},
		"without an id":           {func(u *Unjudged) { u.Observation.ID = "" }, "key and id"},
		"without a time":          {func(u *Unjudged) { u.Observation.At = time.Time{} }, "before 1970"},
		"a key too long":          {func(u *Unjudged) { u.Observation.Key = strings.Repeat("k", 1<<16+1) }, "over 65536 bytes"},
		"too many steps' names":   {func(u *Unjudged) { u.Steps = make([]string, 17) }, "more than 16 steps"},
		"a field no window has":   {func(u *Unjudged) { u.Output = []OutputPart{{Sight: "window.nope"}} }, "window.nope"},
		"a width beyond all":      {func(u *Unjudged) { u.Output = []OutputPart{{Sight: "window.count", Width: 1 << 40}} }, "width"},
		"a negative width":        {func(u *Unjudged) { u.Output = []OutputPart{{Sight: "window.count", Width: -1}} }, "width"},
		"a negative time":         {func(u *Unjudged) { u.Observation.Window.Within = -1 }, "out of range"},
		"a time without end":      {func(u *Unjudged) { u.Observation.Window.Cooldown = math.MaxInt64 }, "out of range"},
		"no clause":               {func(u *Unjudged) { u.Observation.Window.Count = 0 }, "asks for nothing"},
		"a rate without a span":   {func(u *Unjudged) { u.Observation.Window.Rate = 1 }, "rate"},
		"a span without a rate":   {func(u *Unjudged) { u.Observation.Window.RateSpan = 1 }, "rate"},
		"a threshold beyond all":  {func(u *Unjudged) { u.Observation.Window.Count = math.MaxUint64 }, "threshold"},
		"a count without within":  {func(u *Unjudged) { u.Observation.Window.Within = 0 }, "need within"},
		"a sequence of one":       {func(u *Unjudged) { u.Observation.Window.Steps = 1 }, "2 to 16 steps"},
		"a sequence of seventeen": {func(u *Unjudged) { u.Observation.Window.Steps = 17 }, "2 to 16 steps"},
	} {
		u := waits(Window{Within: time.Minute, Count: 10}, OutputPart{Sight: "window.count", Width: 1024}).Unjudged
		c.change(u)
		err := u.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", sentence, err, c.want)
		}
		a := Alert{Unjudged: u}
		a.Show(sight(), false) // what was never asked is finished too
		if _, err := json.Marshal(a); err != nil || len(a.Output) > MaxWidth {
			t.Errorf("%s: shown as %d bytes, %v", sentence, len(a.Output), err)
		}
	}
}

// What the store's window counts is one thing, whichever node had the last of it.
func TestIdentityOfWhatTheFleetCounts(t *testing.T) {
	of := func(host string, unjudged *Unjudged) Fingerprint {
		a := Alert{Rule: "R", Hostname: host, Unjudged: unjudged}
		a.SetIdentity(map[string]string{"fd_sip": "10.0.0.1"})
		if a.Labels["hostname"] != host {
			t.Errorf("label hostname = %q, want %q", a.Labels["hostname"], host)
		}
		return a.Fingerprint
	}
	if of("a", &Unjudged{}) != of("b", &Unjudged{}) || of("a", nil) == of("b", nil) {
		t.Error("the host is part of the identity of what the store counts, or is not of what a node counts")
	}
}
