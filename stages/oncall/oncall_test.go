package oncall

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// team is a configuration with a bit of everything.
const team = `
people:
  - {name: li.na, wecom: lina, mobile: "13800000001"}
  - {name: wang.wei, mobile: "13800000002"}
  - {name: zhao.min, email: zhao@example.org}
  - {name: boss, dingtalk: manager42}
groups:
  - {name: everybody, members: [payments, core, boss, boss]}
rotations:
  - name: payments
    time_zone: Asia/Shanghai
    layers:
      - {name: office, people: [zhao.min], start: 2027-01-01, period: daily, hours: [{weekdays: ["monday:friday"], from: "09:00", to: "18:00"}]}
      - {name: nights, people: [li.na, wang.wei], start: 2027-01-04, handover: monday 09:00}
    overrides:
      - {from: 2027-01-20 12:00, to: 2027-01-20 20:00, person: boss}
    holidays:
      - {name: Spring Festival, from: 2027-02-05, to: 2027-02-11, rotation: core}
      - {from: 2027-01-20, person: li.na}
  - name: core
    time_zone: Europe/Berlin
    layers: [{people: [boss, zhao.min], start: 2027-02-01, handover: "02:30", period: 2 days}]
`

func roster(t *testing.T, text string) *Roster {
	t.Helper()
	var c Config
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04 -07:00", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestWho(t *testing.T) {
	r := roster(t, team)
	for at, want := range map[string][2]string{ // for payments, and for everybody
		"2026-12-31 12:00 +08:00": {"", "boss"},                           // before anything starts
		"2027-01-04 08:59 +08:00": {"", "boss"},                           // the second layer has not begun
		"2027-01-04 09:00 +08:00": {"zhao.min", "zhao.min boss"},          // office hours begin
		"2027-01-04 17:59 +08:00": {"zhao.min", "zhao.min boss"},          //
		"2027-01-04 18:00 +08:00": {"li.na", "li.na boss"},                // and end
		"2027-01-09 12:00 +08:00": {"li.na", "li.na boss"},                // no office on Saturdays
		"2027-01-11 08:59 +08:00": {"li.na", "li.na boss"},                // before the handover
		"2027-01-11 18:00 +08:00": {"wang.wei", "wang.wei boss"},          // after it
		"2027-01-18 18:00 +08:00": {"li.na", "li.na boss"},                // a turn is over
		"2027-01-20 00:00 +08:00": {"li.na", "li.na boss"},                // a holiday
		"2027-01-20 12:00 +08:00": {"boss", "boss"},                       // an override comes before it
		"2027-01-20 20:00 +08:00": {"li.na", "li.na boss"},                // until before its end
		"2027-02-04 23:59 +08:00": {"li.na", "li.na zhao.min boss"},       //
		"2027-02-05 00:00 +08:00": {"zhao.min", "zhao.min boss"},          // in Berlin it is still the 4th
		"2027-02-05 09:30 +08:00": {"boss", "boss"},                       // and there it is 02:30
		"2027-02-11 23:59 +08:00": {"zhao.min", "zhao.min boss"},          // all of the last day
		"2027-02-12 00:00 +08:00": {"wang.wei", "wang.wei zhao.min boss"}, //
	} {
		for i, name := range []string{"payments", "everybody"} {
			var got []string
			for _, p := range r.Who(name, moment(t, at)) {
				got = append(got, p.Name)
			}
			if strings.Join(got, " ") != want[i] {
				t.Errorf("Who(%s) at %s = %v, want %s", name, at, got, want[i])
			}
		}
	}
	if got := r.Who("li.na", time.Now()); len(got) != 1 || got[0].Mobile != "13800000001" || got[0].WeCom != "lina" {
		t.Errorf("Who of a person = %+v, want that one", got)
	}
	if got := r.Who("nobody", time.Now()); got != nil {
		t.Errorf("Who of no name = %+v", got)
	}
	var none *Roster
	if none.Who("li.na", time.Now()) != nil || none.Knows("li.na") || none.Rotations() != nil {
		t.Error("a roster that is nil knows somebody")
	}
}

func TestEverybody(t *testing.T) {
	r := roster(t, team)
	for name, want := range map[string]string{"core": "boss zhao.min", "everybody": "boss li.na wang.wei zhao.min", "payments": "boss li.na wang.wei zhao.min", "boss": "boss", "x": ""} {
		var got []string
		for _, p := range r.Everybody(name) {
			got = append(got, p.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("Everybody(%s) = %v, want %s", name, got, want)
		}
	}
}

func TestShifts(t *testing.T) {
	r := roster(t, team)
	var got []string
	for _, s := range r.Shifts("payments", moment(t, "2027-01-18 00:00 +08:00"), moment(t, "2027-01-22 00:00 +08:00")) {
		got = append(got, fmt.Sprintf("%s - %s %s (%s)", s.From.Format("02 15:04"), s.To.Format("02 15:04"), s.Person, s.Why))
	}
	want := []string{
		"18 00:00 - 18 09:00 wang.wei (nights)",
		"18 09:00 - 18 18:00 zhao.min (office)",
		"18 18:00 - 19 09:00 li.na (nights)",
		"19 09:00 - 19 18:00 zhao.min (office)",
		"19 18:00 - 20 00:00 li.na (nights)",
		"20 00:00 - 20 12:00 li.na (holiday)",
		"20 12:00 - 20 20:00 boss (override)",
		"20 20:00 - 21 00:00 li.na (holiday)",
		"21 00:00 - 21 09:00 li.na (nights)",
		"21 09:00 - 21 18:00 zhao.min (office)",
		"21 18:00 - 22 00:00 li.na (nights)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("shifts (-want +got):\n%s", diff)
	}
}

func TestNow(t *testing.T) {
	r := roster(t, team)
	s, then := r.Now("payments", moment(t, "2027-01-20 21:00 +08:00"))
	if got := s.Person + " until " + s.To.Format("02 15:04") + " then " + then; got != "li.na until 21 09:00 then zhao.min" {
		t.Errorf("Now = %s: the holiday and the night after it are one", got)
	}
	alone := roster(t, "people: [{name: a, email: a@b}]\nrotations: [{name: r, layers: [{people: [a], start: 2027-01-01}]}]")
	if s, then := alone.Now("r", moment(t, "2027-02-01 00:00 +00:00")); s.Person != "a" || !s.To.IsZero() || then != "" {
		t.Errorf("Now of one person alone = %+v, %q, want no end", s, then)
	}
}

// A shift lasts from clock to clock: over a change of clocks it has an hour less or more.
func TestShiftsOverAChangeOfClocks(t *testing.T) {
	for zone, c := range map[string]struct {
		start string
		hours []float64 // of the shifts from then on
	}{
		"Europe/Berlin":       {"2027-03-22", []float64{167, 168, 168}},   // 28 March
		"America/New_York":    {"2027-11-01", []float64{169, 168, 168}},   // 7 November
		"Australia/Lord_Howe": {"2027-03-29", []float64{168.5, 168, 168}}, // half an hour, on 4 April
		"Asia/Shanghai":       {"2027-03-22", []float64{168, 168, 168}},
	} {
		r := roster(t, fmt.Sprintf(`
people: [{name: a, email: a@x}, {name: b, email: b@x}]
rotations: [{name: r, time_zone: %s, layers: [{people: [a, b], start: %s, handover: monday 09:00}]}]`, zone, c.start))
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		from, err := time.ParseInLocation("2006-01-02 15:04", c.start+" 09:00", location)
		if err != nil {
			t.Fatal(err)
		}
		var got []float64
		for _, s := range r.Shifts("r", from, from.AddDate(0, 0, 21)) {
			got = append(got, s.To.Sub(s.From).Hours())
		}
		if diff := cmp.Diff(c.hours, got); diff != "" {
			t.Errorf("%s: hours of the shifts (-want +got):\n%s", zone, diff)
		}
	}
}
