package oncall

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var zones = []string{"UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "America/Santiago", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"}

// anyDate is a day of the years around 2027; Apia had no 30 December 2011, which is tried too.
func anyDate(t *rapid.T, label string) Date {
	if rapid.IntRange(0, 9).Draw(t, label+" of Apia") == 0 {
		return dateOf(time.Date(2011, 12, 20+rapid.IntRange(0, 20).Draw(t, label), 0, 0, 0, 0, time.UTC))
	}
	return dateOf(time.Date(2027, 1, 1+rapid.IntRange(0, 700).Draw(t, label), 0, 0, 0, 0, time.UTC))
}

func anyMinute(t *rapid.T, label string) int {
	return rapid.IntRange(0, endOfDay/15-1).Draw(t, label) * 15
}

func anyInstead(start Date) func(t *rapid.T) Instead {
	return func(t *rapid.T) Instead {
		from := start.plus(rapid.IntRange(0, 60).Draw(t, "from"))
		one := Instead{From: Moment{Date: from}, To: Moment{Date: from.plus(rapid.IntRange(0, 9).Draw(t, "to"))}}
		if rapid.Bool().Draw(t, "timed") {
			one.From.timed, one.From.minute = true, anyMinute(t, "at")
		}
		if rapid.Bool().Draw(t, "a person") {
			one.Person = "boss"
		} else {
			one.Rotation = "other"
		}
		return one
	}
}

func anyLayer(start Date) func(t *rapid.T) Layer {
	return func(t *rapid.T) Layer {
		l := Layer{
			People:   []string{"a", "b", "c"}[:rapid.IntRange(1, 3).Draw(t, "people")],
			Start:    start,
			Period:   Period(rapid.SampledFrom([]int{1, 2, 7, 14}).Draw(t, "period")),
			Handover: Handover{minute: anyMinute(t, "handover")},
		}
		for range rapid.IntRange(0, 2).Draw(t, "hours") {
			h := Hours{From: TimeOfDay{true, anyMinute(t, "begin")}, To: TimeOfDay{true, anyMinute(t, "end")}}
			if h.From == h.To {
				h.To.minute = endOfDay
			}
			if rapid.Bool().Draw(t, "on some days") {
				h.Weekdays = []string{"friday:monday"}
			}
			l.Hours = append(l.Hours, h)
		}
		return l
	}
}

func anyConfig(t *rapid.T) (Config, Date) {
	start := anyDate(t, "start")
	zone := func() string { return rapid.SampledFrom(zones).Draw(t, "zone") }
	c := Config{Rotations: []Rotation{
		{
			Name: "r", TimeZone: zone(), Layers: rapid.SliceOfN(rapid.Custom(anyLayer(start)), 1, 3).Draw(t, "layers"),
			Overrides: rapid.SliceOfN(rapid.Custom(anyInstead(start)), 0, 3).Draw(t, "overrides"),
			Holidays:  rapid.SliceOfN(rapid.Custom(anyInstead(start)), 0, 3).Draw(t, "holidays"),
		},
		{Name: "other", TimeZone: zone(), Layers: rapid.SliceOfN(rapid.Custom(anyLayer(start)), 1, 2).Draw(t, "layers of the other")},
	}}
	for _, name := range []string{"a", "b", "c", "boss"} {
		c.People = append(c.People, Person{Name: name, Email: name + "@example.org"})
	}
	return c, start
}

// Shifts have no gap and do not overlap, and at any time the one who is on is the one whose shift it is.
func TestShiftsAreWhoIsOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, start := anyConfig(t)
		r, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		from := start.at(rapid.IntRange(-10, 60).Draw(t, "day"), anyMinute(t, "minute"), time.UTC)
		to := from.Add(time.Duration(rapid.IntRange(1, 40*24*4).Draw(t, "quarters")) * 15 * time.Minute)
		at := from
		for _, s := range r.Shifts("r", from, to) {
			if !s.From.Equal(at) || !s.To.After(s.From) {
				t.Fatalf("a shift from %v to %v, after one that ends at %v", s.From, s.To, at)
			}
			for ; at.Before(s.To); at = at.Add(15 * time.Minute) {
				if person, _ := r.on(r.rotations["r"], at); person != s.Person {
					t.Fatalf("at %v %q is on, and the shift is %q's", at, person, s.Person)
				}
			}
			at = s.To
		}
		if !at.Equal(to) {
			t.Fatalf("the shifts end at %v, not at %v", at, to)
		}
	})
}

// Turns are counted as a person would: day by day from the start, looking at a clock.
func TestTurnsAreCountedByTheClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := anyLayer(anyDate(t, "start"))(t)
		l.Hours = nil
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		compiled := layer{people: l.People, start: l.Start, minute: l.Handover.minute, period: l.Period.days(), zone: zone}
		at := l.Start.at(rapid.IntRange(-3, 400).Draw(t, "day"), anyMinute(t, "minute"), time.UTC)
		want := ""
		for day := 0; ; day++ {
			handover := time.Date(l.Start.Year, l.Start.Month, l.Start.Day+day, l.Handover.minute/60, l.Handover.minute%60, 0, 0, zone)
			if handover.After(at) {
				break
			}
			if day%l.Period.days() == 0 {
				want = l.People[day/l.Period.days()%len(l.People)]
			}
		}
		if got := compiled.on(at); got != want {
			t.Fatalf("at %v %q is on, want %q", at.In(zone), got, want)
		}
	})
}

func TestEveryHandoverIsAtItsHour(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	l := layer{people: []string{"a", "b"}, start: Date{2027, 1, 4}, minute: 9 * 60, period: week, zone: zone}
	for at, turn := l.handover(0), 0; turn < 200; turn++ {
		if clock := at.In(zone).Format("Monday 15:04"); clock != "Monday 09:00" {
			t.Fatalf("handover %d is at %s", turn, clock)
		}
		if want := fmt.Sprint("a", "b")[turn%2 : turn%2+1]; l.on(at) != want || l.on(at.Add(-time.Second)) == want {
			t.Fatalf("at handover %d %q comes after %q", turn, l.on(at), l.on(at.Add(-time.Second)))
		}
		at = l.next(at)
	}
}
