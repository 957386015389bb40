package whitelist

import (
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/rules"
)

// TestSchedules asks at moments in UTC, so that nothing depends on how a test would read a wall clock.
func TestSchedules(t *testing.T) {
	type moments map[string]bool // RFC 3339, whether the entry applies
	for sentence, c := range map[string]struct {
		schedule string
		at       moments
	}{
		"every day, in its time zone": {`[{daily: "02:00-03:00", location: Asia/Shanghai}]`, moments{
			"2026-06-01T17:59:59Z": false, "2026-06-01T18:00:00Z": true, "2026-06-01T18:59:59Z": true, "2026-06-01T19:00:00Z": false}},
		"a single interval without a list": {`{daily: "02:00-03:00"}`, moments{"2026-06-01T02:00:00Z": true, "2026-06-01T03:00:00Z": false}},
		"several spans":                    {`[{daily: ["02:00-03:00", "12:00 - 12:30"]}]`, moments{"2026-06-01T02:30:00Z": true, "2026-06-01T12:29:00Z": true, "2026-06-01T12:30:00Z": false}},
		"as Alertmanager writes it": {`[{times: [{start_time: "09:00", end_time: "17:00"}], weekdays: ["monday:friday"], location: America/New_York}]`, moments{
			"2026-06-01T13:00:00Z": true, "2026-06-01T12:59:00Z": false, "2026-06-06T13:00:00Z": false}},
		"until the day's end": {`[{daily: "23:00-24:00"}]`, moments{"2026-06-01T23:59:59Z": true, "2026-06-02T00:00:00Z": false}},
		"overnight":           {`[{daily: "22:00-02:00"}]`, moments{"2026-06-01T21:59:00Z": false, "2026-06-01T22:00:00Z": true, "2026-06-02T00:00:00Z": true, "2026-06-02T01:59:59Z": true, "2026-06-02T02:00:00Z": false}},
		"a night belongs to the day on which it began: 2026-06-05 is a Friday": {`[{daily: "22:00-02:00", days: [friday]}]`, moments{
			"2026-06-05T01:00:00Z": false, "2026-06-05T23:00:00Z": true, "2026-06-06T01:00:00Z": true, "2026-06-06T23:00:00Z": false, "2026-06-07T01:00:00Z": false}},
		"a night that begins on a month's last day": {`[{times: [{start_time: "23:00", end_time: "01:00"}], days_of_month: ["-1"]}]`, moments{
			"2026-06-30T23:30:00Z": true, "2026-07-01T00:30:00Z": true, "2026-07-01T23:30:00Z": false, "2026-06-30T00:30:00Z": false}},
		"days near midnight, in its time zone": {`[{days: [monday], location: Asia/Shanghai}]`, moments{
			"2026-05-31T15:59:59Z": false, "2026-05-31T16:00:00Z": true, "2026-06-01T15:59:59Z": true, "2026-06-01T16:00:00Z": false}},
		"any of several intervals": {`[{days: [sunday]}, {daily: "02:00-03:00"}]`, moments{"2026-05-31T12:00:00Z": true, "2026-06-01T02:30:00Z": true, "2026-06-01T12:00:00Z": false}},

		// Berlin, 2026-03-29: after 01:59:59 (00:59:59 UTC) comes 03:00.
		"spring: a span in the missing hour does not come that day": {`[{daily: "02:00-03:00", location: Europe/Berlin}]`, moments{
			"2026-03-29T00:59:59Z": false, "2026-03-29T01:00:00Z": false, "2026-03-28T01:30:00Z": true, "2026-03-30T00:30:00Z": true}},
		"spring: a span across the missing hour is an hour shorter": {`[{daily: "01:30-03:30", location: Europe/Berlin}]`, moments{
			"2026-03-29T00:29:59Z": false, "2026-03-29T00:30:00Z": true, "2026-03-29T01:00:00Z": true, "2026-03-29T01:29:59Z": true, "2026-03-29T01:30:00Z": false}},
		"spring: a span that ends in the missing hour ends with it": {`[{daily: "01:00-02:30", location: Europe/Berlin}]`, moments{
			"2026-03-29T00:00:00Z": true, "2026-03-29T00:59:59Z": true, "2026-03-29T01:00:00Z": false}},
		"spring: a night across the missing hour": {`[{daily: "22:00-04:00", days: [saturday], location: Europe/Berlin}]`, moments{
			"2026-03-28T20:59:00Z": false, "2026-03-28T21:00:00Z": true, "2026-03-29T01:59:59Z": true, "2026-03-29T02:00:00Z": false}},
		// Berlin, 2026-10-25: 02:00 to 03:00 comes twice, at 00:00 UTC and at 01:00 UTC.
		"autumn: a span in the doubled hour comes twice": {`[{daily: "02:00-03:00", location: Europe/Berlin}]`, moments{
			"2026-10-24T23:59:59Z": false, "2026-10-25T00:30:00Z": true, "2026-10-25T01:30:00Z": true, "2026-10-25T02:00:00Z": false}},
		"autumn: a span that ends in the doubled hour ends twice": {`[{daily: "01:00-02:30", location: Europe/Berlin}]`, moments{
			"2026-10-25T00:29:59Z": true, "2026-10-25T00:30:00Z": false, "2026-10-25T01:00:00Z": true, "2026-10-25T01:30:00Z": false}},
		// New York, 2026-03-08: after 01:59:59 (06:59:59 UTC) comes 03:00; 2026-11-01: 01:00 to 02:00 comes twice.
		"spring in New York": {`[{daily: "02:15-02:45", location: America/New_York}, {daily: "01:45-03:15", location: America/New_York}]`, moments{
			"2026-03-08T06:44:00Z": false, "2026-03-08T06:45:00Z": true, "2026-03-08T07:14:59Z": true, "2026-03-08T07:15:00Z": false}},
		"autumn in New York, a night": {`[{daily: "23:00-01:30", days: [saturday], location: America/New_York}]`, moments{
			"2026-11-01T02:59:00Z": false, "2026-11-01T03:00:00Z": true, "2026-11-01T05:29:59Z": true, "2026-11-01T05:30:00Z": false, "2026-11-01T06:15:00Z": true, "2026-11-01T06:30:00Z": false}},
	} {
		t.Run(sentence, func(t *testing.T) {
			l, problems := parse(entry("{proc.name: backup}", "schedule: "+c.schedule))
			if err := rules.Err(problems); err != nil {
				t.Fatal(err)
			}
			for moment, want := range c.at {
				at, err := time.Parse(time.RFC3339, moment)
				if err != nil {
					t.Fatal(err)
				}
				ev := backup()
				ev.Time = at.UnixNano()
				if _, got := l.Bypass("R", ev); got != want {
					t.Errorf("at %s the entry applies: %v, want %v", moment, got, want)
				}
			}
		})
	}
}

func TestSchedulesThatAreNone(t *testing.T) {
	for schedule, want := range map[string]string{
		`[]`:                                     "w.yaml:5:3: error: WHITELIST_INVALID: entry \"e\": schedule is empty: leave it out to apply always",
		`[{}]`:                                   "schedule: the interval is empty",
		`["02:00-03:00"]`:                        `w.yaml:5:14: error: WHITELIST_INVALID: entry "e": schedule: an interval is a mapping (as in {daily: "02:00-03:00"`,
		`[{daily: "02:00"}]`:                     `w.yaml:5:23: error: WHITELIST_INVALID: entry "e": schedule: "02:00" until "" is no time of day`,
		`[{daily: "25:00-26:00"}]`:               `"25:00" until "26:00" is no time of day (write 02:00 and 03:00, the end at most 24:00)`,
		`[{daily: "24:00-01:00"}]`:               `"24:00" until "01:00" is no time of day`,
		`[{daily: "02:00-02:00"}]`:               "02:00 until 02:00: it begins where it ends (a whole day is 00:00 until 24:00)",
		`[{times: [{start_time: "02:00"}]}]`:     `schedule: "02:00" until "" is no time of day`,
		`[{times: [{start: "02:00"}]}]`:          `schedule: unknown key "start"`,
		`{daily: []}`:                            "schedule: daily is empty",
		`{times: []}`:                            "schedule: times is empty",
		`{days: }`:                               "schedule: days is empty",
		`{daily: "02:00-03:00", months: []}`:     "schedule: months is empty",
		`{daily: "02:00-03:00", years: }`:        "schedule: years is empty",
		`{days_of_month: []}`:                    "schedule: days_of_month is empty",
		`{days: [monday], weekdays: [friday]}`:   "days and weekdays are one and the same",
		`{location: Asia/Shanghai}`:              "the interval names neither hours nor days",
		`[{weekdays: [moonday]}]`:                `w.yaml:5:`,
		`[{location: Asia/Peking}]`:              `w.yaml:5:25: error: WHITELIST_INVALID: entry "e": schedule: location: there is no time zone "Asia/Peking" (name one of the IANA's`,
		`[{daily: "01:00-02:00", location: ""}]`: `there is no time zone ""`,
	} {
		_, problems := parse(entry("{proc.name: backup}", "schedule: "+schedule))
		if len(problems) != 1 || !strings.Contains(problems[0].String(), want) || problems[0].Severity != rules.Error {
			t.Errorf("schedule %s: problems = %v, want an error with %q", schedule, problems, want)
		}
	}
}
