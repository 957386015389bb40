package interval_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/alertmanager/timeinterval"
	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/stages/route/interval"
)

// set reads intervals of one name, n.
func set(t *testing.T, text string) *interval.Set {
	t.Helper()
	var specs []interval.Spec
	if err := yaml.UnmarshalWithOptions([]byte(text), &specs, yaml.Strict()); err != nil {
		t.Fatalf("YAML: %v\n%s", err, text)
	}
	s, err := interval.New([]interval.Config{{Name: "n", Intervals: specs}})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return s
}

func moment(t testing.TB, text string) time.Time {
	t.Helper()
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02 15:04 -0700"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at
		}
	}
	t.Fatalf("%q is no time", text)
	return time.Time{}
}

// The 1st of January 2027 is a Friday.
func TestIn(t *testing.T) {
	const nights = `[{weekdays: [friday], times: [{start_time: 22:00, end_time: 06:00}]}]`
	const berlin = `[{times: [{start_time: "02:00", end_time: "03:00"}], location: Europe/Berlin}]`
	for name, c := range map[string]struct {
		specs, at string
		in        bool
		until     string // "": none in sight
	}{
		"office hours, before":                      {`[{weekdays: ['monday:friday'], times: [{start_time: 09:00, end_time: 17:00}]}]`, "2027-01-01 08:59:59", false, "2027-01-01 09:00"},
		"office hours begin":                        {`[{weekdays: ['monday:friday'], times: [{start_time: 09:00, end_time: 17:00}]}]`, "2027-01-01 09:00", true, "2027-01-01 17:00"},
		"the end is outside, and the next is far":   {`[{weekdays: ['monday:friday'], times: [{start_time: 09:00, end_time: 17:00}]}]`, "2027-01-01 17:00", false, "2027-01-04 09:00"},
		"until the end of the day":                  {`[{times: [{start_time: 20:00, end_time: 24:00}]}]`, "2027-01-01 23:59", true, "2027-01-02 00:00"},
		"two that touch are one":                    {`[{times: [{start_time: 20:00, end_time: 24:00}, {start_time: 00:00, end_time: 06:00}]}]`, "2027-01-01 23:59", true, "2027-01-02 06:00"},
		"a night of the day on which it begins":     {nights, "2027-01-01 22:00", true, "2027-01-02 06:00"},
		"its morning belongs to it":                 {nights, "2027-01-02 05:59", true, "2027-01-02 06:00"},
		"the morning before does not":               {nights, "2027-01-01 05:00", false, "2027-01-01 22:00"},
		"the next evening does not":                 {nights, "2027-01-02 23:00", false, "2027-01-08 22:00"},
		"days past the end of a week":               {`[{weekdays: ['saturday:sunday']}]`, "2027-01-03 12:00", true, "2027-01-04 00:00"},
		"and past it by more":                       {`[{weekdays: ['friday:monday']}]`, "2027-01-04 12:00", true, "2027-01-05 00:00"},
		"but not in the middle of it":               {`[{weekdays: ['friday:monday']}]`, "2027-01-05 12:00", false, "2027-01-08 00:00"},
		"months past the end of a year":             {`[{months: ['november:february']}]`, "2027-01-05 12:00", true, "2027-03-01 00:00"},
		"months by number":                          {`[{months: [3, '5:6']}]`, "2027-05-05 12:00", true, "2027-07-01 00:00"},
		"the last days of a month":                  {`[{days_of_month: ['-3:-1']}]`, "2027-02-26 00:00", true, "2027-03-01 00:00"},
		"days of a month":                           {`[{days_of_month: [15, '1:2']}]`, "2027-02-02 10:00", true, "2027-02-03 00:00"},
		"a 31st is not in every month":              {`[{days_of_month: [31]}]`, "2027-02-01 00:00", false, "2027-03-31 00:00"},
		"a year":                                    {`[{years: ['2027:2028']}]`, "2027-06-01 00:00", true, ""}, // it ends later than a year
		"a year that is over":                       {`[{years: [2025]}]`, "2027-06-01 00:00", false, ""},
		"all of a spec have to hold":                {`[{weekdays: [friday], months: [february]}]`, "2027-01-01 12:00", false, "2027-02-05 00:00"},
		"any of several does":                       {`[{weekdays: [monday]}, {days_of_month: [1]}]`, "2027-01-01 12:00", true, "2027-01-02 00:00"},
		"always":                                    {`[{}]`, "2027-01-01 12:00", true, ""},
		"never":                                     {`[]`, "2027-01-01 12:00", false, ""},
		"by the clock of its place":                 {`[{times: [{start_time: 09:00, end_time: 17:00}], location: Asia/Shanghai}]`, "2027-01-01 01:00", true, "2027-01-01 09:00"},
		"by the day of its place":                   {`[{weekdays: [saturday], location: Asia/Shanghai}]`, "2027-01-01 16:00", true, "2027-01-02 16:00"},
		"an hour that the clocks skip is not there": {berlin, "2027-03-28 00:59", false, "2027-03-29 00:00"}, // 28th: 02:00 is 03:00
		"an hour that is there twice":               {berlin, "2027-10-31 00:00", true, "2027-10-31 02:00"},  // 31st: 03:00 is 02:00
		"a night in which clocks go forward":        {`[{times: [{start_time: 22:00, end_time: 06:00}], location: Europe/Berlin}]`, "2027-03-27 21:00", true, "2027-03-28 04:00"},
	} {
		t.Run(name, func(t *testing.T) {
			s := set(t, c.specs)
			in, until := s.In("n", moment(t, c.at))
			got := ""
			if !until.IsZero() {
				got = until.Format("2006-01-02 15:04")
			}
			if in != c.in || got != c.until {
				t.Errorf("In(%s) = %v until %q, want %v until %q\n%s", c.at, in, got, c.in, c.until, c.specs)
			}
		})
	}
}

func TestAnUnknownNameHasNoTime(t *testing.T) {
	s := set(t, "[{}]")
	if in, until := s.In("other", time.Now()); in || !until.IsZero() {
		t.Errorf("In(other) = %v, %v", in, until)
	}
	if in, _ := s.In("n", time.Now()); !in {
		t.Error("In(n) = false, want true: it has no conditions")
	}
}

// spec draws one that has nothing the library refuses when plain is set.
func spec(t *rapid.T, plain bool) interval.Spec {
	var s interval.Spec
	some := func(of string) bool { return rapid.Float64Range(0, 1).Draw(t, of) < 0.4 }
	for some("time") {
		begin, end := rapid.IntRange(0, 1439).Draw(t, "begin"), rapid.IntRange(1, 1440).Draw(t, "end")
		if plain && begin > end {
			begin, end = end-1, begin
		}
		if begin == end || begin == 1440 {
			continue
		}
		clock := func(m int) string { return fmt.Sprintf("%02d:%02d", m/60, m%60) }
		s.Times = append(s.Times, interval.Times{Start: clock(begin), End: clock(end)})
	}
	draw := func(key string, least, most int, wraps bool, name func(int) string) (all []string) {
		for some(key) {
			a, b := rapid.IntRange(least, most).Draw(t, key+" from"), rapid.IntRange(least, most).Draw(t, key+" to")
			if a > b && (plain || !wraps) {
				a, b = b, a
			}
			all = append(all, name(a)+":"+name(b))
		}
		return all
	}
	number := func(n int) string { return fmt.Sprint(n) }
	s.Weekdays = draw("weekday", 0, 6, true, func(n int) string { return strings.ToLower(time.Weekday(n).String()) })
	s.DaysOfMonth = draw("day", 1, 31, false, number)
	s.Months = draw("month", 1, 12, true, number)
	s.Years = draw("year", 2026, 2028, false, number)
	s.Location = rapid.SampledFrom([]string{"", "UTC", "Europe/Berlin", "America/New_York", "Asia/Shanghai", "Asia/Kathmandu", "Australia/Lord_Howe"}).Draw(t, "location")
	return s
}

// when draws a moment, often within days of a change of clocks.
func when(t *rapid.T) time.Time {
	base := rapid.SampledFrom([]string{"2027-03-28 00:00", "2027-10-31 00:00", "2027-03-14 06:00", "2027-11-07 05:00", "2027-04-03 15:00", "2026-12-31 20:00", "2028-02-28 22:00"}).Draw(t, "base")
	at, err := time.Parse("2006-01-02 15:04", base)
	if err != nil {
		t.Fatal(err)
	}
	return at.Add(time.Duration(rapid.IntRange(-3*86400, 3*86400).Draw(t, "off")) * time.Second)
}

// of is a set of specs under the name n.
func of(t *rapid.T, specs ...interval.Spec) *interval.Set {
	s, err := interval.New([]interval.Config{{Name: "n", Intervals: specs}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestUntilIsWhatAWalkByMinutesFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		specs := make([]interval.Spec, rapid.IntRange(1, 3).Draw(t, "specs"))
		for i := range specs {
			specs[i] = spec(t, false)
		}
		at := when(t)
		s := of(t, specs...)
		in, until := s.In("n", at)
		end := at.Add(36 * time.Hour)
		for m := at.Truncate(time.Minute).Add(time.Minute); m.Before(end); m = m.Add(time.Minute) {
			now, next := s.In("n", m)
			if is := s.Contains("n", m); now != is {
				t.Fatalf("In(%v) = %v, but that minute is %v", m, now, is)
			}
			if !until.IsZero() && m.Equal(until) {
				if now == in {
					t.Fatalf("In(%v) = %v until %v, when it is still so", at, in, until)
				}
				in, until = now, next
				continue
			}
			if now != in {
				t.Fatalf("In(%v) = %v: it changed before %v", m, now, until)
			}
		}
	})
}

func TestItIsAlertmanagersWhereThatAcceptsIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := spec(t, true)
		text, err := yaml.Marshal(map[string]any{
			"times": s.Times, "weekdays": s.Weekdays, "days_of_month": s.DaysOfMonth, "months": s.Months, "years": s.Years, "location": s.Location,
		})
		if err != nil {
			t.Fatal(err)
		}
		var reference timeinterval.TimeInterval
		if err := yaml.Unmarshal(text, &reference); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		// An empty list holds never, in the library; it is refused here.
		if len(s.Times) == 0 {
			reference.Times = nil
		}
		if len(s.Weekdays) == 0 {
			reference.Weekdays = nil
		}
		if len(s.DaysOfMonth) == 0 {
			reference.DaysOfMonth = nil
		}
		if len(s.Months) == 0 {
			reference.Months = nil
		}
		if len(s.Years) == 0 {
			reference.Years = nil
		}
		ours := of(t, s)
		for range 20 {
			at := when(t)
			if got, want := ours.Contains("n", at), reference.ContainsTime(at.UTC()); got != want {
				t.Fatalf("%v: in = %v, Alertmanager's is %v\n%s", at, got, want, text)
			}
		}
	})
}

func TestValidateNamesEveryMistake(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"a name is missing":        {"[{time_intervals: [{}]}]", []string{"time_intervals[0]: an interval needs a name"}},
		"a name is there twice":    {"[{name: a}, {name: a}]", []string{`time_intervals[1].name: "a" is there twice`, "time_intervals[0]"}},
		"a day that is none":       {"[{name: a, time_intervals: [{weekdays: [mon]}]}]", []string{`time_intervals[0].time_intervals[0].weekdays[0]: "mon" is no day`, "saturday:monday"}},
		"three days in a range":    {"[{name: a, time_intervals: [{weekdays: ['monday:friday:sunday']}]}]", []string{"is no day"}},
		"a month that is none":     {"[{name: a, time_intervals: [{months: [13]}]}]", []string{`months[0]: "13" is no month`}},
		"a day of no month":        {"[{name: a, time_intervals: [{days_of_month: [1, 32]}]}]", []string{`days_of_month[1]: "32"`, "out of range"}},
		"days the wrong way":       {"[{name: a, time_intervals: [{days_of_month: ['20:10']}]}]", []string{"always before"}},
		"years the wrong way":      {"[{name: a, time_intervals: [{years: ['2028:2027']}]}]", []string{"years[0]"}},
		"no such place":            {"[{name: a, time_intervals: [{location: Mars/Base}]}]", []string{`location: there is no time zone "Mars/Base"`}},
		"hours without an end":     {"[{name: a, time_intervals: [{times: [{start_time: '01:00'}]}]}]", []string{"times[0]: start_time and end_time go together"}},
		"hours that are none":      {"[{name: a, time_intervals: [{times: [{start_time: '1:00', end_time: '25:00'}]}]}]", []string{`start_time "1:00" is no time of day`}},
		"hours that begin at 24":   {"[{name: a, time_intervals: [{times: [{start_time: '24:00', end_time: '06:00'}]}]}]", []string{`start_time "24:00"`}},
		"hours without length":     {"[{name: a, time_intervals: [{times: [{start_time: '06:00', end_time: '06:00'}]}]}]", []string{"begins where it ends"}},
		"a list without entries":   {"[{name: a, time_intervals: [{times: [], weekdays: []}]}]", []string{"times: the list is empty", "weekdays: the list is empty"}},
		"several mistakes at once": {"[{name: a, time_intervals: [{months: [x], years: [y], location: z}]}]", []string{"months[0]", "years[0]", "location"}},
	} {
		t.Run(name, func(t *testing.T) {
			var all []interval.Config
			if err := yaml.Unmarshal([]byte(c.text), &all); err != nil {
				t.Fatal(err)
			}
			err := interval.Validate(all, nil)
			for _, want := range c.want {
				if !strings.Contains(fmt.Sprint(err), want) {
					t.Errorf("Validate: %v, want %s", err, want)
				}
			}
			if _, err := interval.New(all); err == nil {
				t.Error("New accepts it")
			}
		})
	}
	both := []interval.Config{{Name: "a"}}
	if err := interval.Validate(both, both); err == nil || !strings.HasPrefix(err.Error(), "mute_time_intervals[0].name: ") {
		t.Errorf("Validate of one name in both lists: %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	s := set(t, `[{weekdays: [friday], times: [{start_time: 22:00, end_time: 06:00}]}]`)
	at := moment(t, "2027-01-01 21:00")
	done := make(chan bool)
	for i := range 4 {
		go func() {
			ok := true
			for m := range 600 {
				want := m >= 60 && m < 60+8*60
				in, _ := s.In("n", at.Add(time.Duration(m)*time.Minute+time.Duration(i)*time.Second))
				ok = ok && in == want
			}
			done <- ok
		}()
	}
	var oks []bool
	for range 4 {
		oks = append(oks, <-done)
	}
	if slices.Contains(oks, false) {
		t.Errorf("answers are right: %v", oks)
	}
}

func BenchmarkIn(b *testing.B) {
	s, err := interval.New([]interval.Config{{Name: "n", Intervals: []interval.Spec{{
		Weekdays: []string{"friday"}, Times: []interval.Times{{Start: "22:00", End: "06:00"}}, Location: "Asia/Shanghai",
	}}}})
	if err != nil {
		b.Fatal(err)
	}
	at := moment(b, "2027-01-01 21:00")
	b.Run("asked again", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.In("n", at)
		}
	})
	b.Run("looked for", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			i++
			s.In("n", at.Add(time.Duration(i%2)*30*24*time.Hour))
		}
	})
}
