package oncall

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Date is a day on the calendar, in the time zone of its rotation.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// UnmarshalText reads 2027-02-05.
func (d *Date) UnmarshalText(b []byte) error {
	t, err := time.Parse(time.DateOnly, string(b))
	if err != nil {
		return fmt.Errorf("%q is no date: write it as in 2027-02-05", b)
	}
	d.Year, d.Month, d.Day = t.Date()
	return nil
}

func (d Date) isZero() bool { return d == Date{} }

// at is when a clock shows a minute of a day that is so many days after d. A minute that the clock skips is the one that
// package time takes for it.
func (d Date) at(days, minute int, zone *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day+days, minute/60, minute%60, 0, 0, zone)
}

func (d Date) weekday() time.Weekday { return d.at(0, 0, time.UTC).Weekday() }

func dateOf(t time.Time) (d Date) {
	d.Year, d.Month, d.Day = t.Date()
	return d
}

// days is how many days d is after the other.
func (d Date) days(since Date) int {
	return int(d.at(0, 0, time.UTC).Sub(since.at(0, 0, time.UTC)) / (24 * time.Hour))
}

// TimeOfDay is what a clock shows.
type TimeOfDay struct {
	set    bool
	minute int // of the day
}

const endOfDay = 24 * 60

// UnmarshalText reads 09:00; 24:00 too.
func (t *TimeOfDay) UnmarshalText(b []byte) error {
	if string(b) == "24:00" {
		*t = TimeOfDay{true, endOfDay}
		return nil
	}
	clock, err := time.Parse("15:04", string(b))
	if err != nil || len(b) != len("15:04") {
		return fmt.Errorf("%q is no time of day: write it as in 09:00", b)
	}
	*t = TimeOfDay{true, clock.Hour()*60 + clock.Minute()}
	return nil
}

// Handover is when a shift begins: a time of day, and for weeks a day, if it is to be said.
type Handover struct {
	weekday time.Weekday
	onDay   bool
	minute  int
}

// UnmarshalText reads 09:00, or monday 09:00.
func (h *Handover) UnmarshalText(b []byte) error {
	words := strings.Fields(string(b))
	*h = Handover{}
	if len(words) == 2 {
		if h.weekday, h.onDay = weekdayOf(words[0]); !h.onDay {
			return fmt.Errorf("%q is no day of the week: write it in full, as in monday 09:00", words[0])
		}
		words = words[1:]
	}
	if len(words) != 1 {
		return fmt.Errorf("%q is no handover: write 09:00, or monday 09:00", b)
	}
	var t TimeOfDay
	if err := t.UnmarshalText([]byte(words[0])); err != nil {
		return err
	}
	if h.minute = t.minute; h.minute == endOfDay {
		return fmt.Errorf("a handover at 24:00 is one at 00:00 of the day after")
	}
	return nil
}

// Period is how many days a shift has; 0: a week.
type Period int

const week = 7

// maxPeriod bounds it, in days.
const maxPeriod = 366

// UnmarshalText reads daily, weekly, or 10 days.
func (p *Period) UnmarshalText(b []byte) error {
	switch text := string(b); text {
	case "daily":
		*p = 1
	case "weekly":
		*p = week
	default:
		n, unit, _ := strings.Cut(text, " ")
		days, err := strconv.Atoi(n)
		if err != nil || unit != "days" && unit != "day" || days < 1 || days > maxPeriod {
			return fmt.Errorf("%q is no period: write daily, weekly, or a number of days as in 10 days", text)
		}
		*p = Period(days)
	}
	return nil
}

func (p Period) days() int {
	if p == 0 {
		return week
	}
	return int(p)
}

// Moment is a day, or a minute of one.
type Moment struct {
	Date
	timed  bool
	minute int
}

// UnmarshalText reads 2027-02-05, or 2027-02-05 18:00.
func (m *Moment) UnmarshalText(b []byte) error {
	day, clock, timed := strings.Cut(string(b), " ")
	*m = Moment{}
	if err := m.Date.UnmarshalText([]byte(day)); err != nil {
		return fmt.Errorf("%q is neither a day nor a time: write 2027-02-05, or 2027-02-05 18:00", b)
	}
	if !timed {
		return nil
	}
	var t TimeOfDay
	if err := t.UnmarshalText([]byte(clock)); err != nil {
		return err
	}
	m.timed, m.minute = true, t.minute
	return nil
}

func (m Moment) begin(zone *time.Location) time.Time { return m.at(0, m.minute, zone) }

// end is the end of a day.
func (m Moment) end(zone *time.Location) time.Time {
	if m.timed {
		return m.begin(zone)
	}
	return m.at(1, 0, zone)
}

var weekdayNames = [...]string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

func weekdayOf(name string) (time.Weekday, bool) {
	i := slices.Index(weekdayNames[:], strings.ToLower(name))
	return time.Weekday(i), i >= 0
}

// weekdays reads days and ranges of them, which may go on into the next week; nil: all.
func weekdays(texts []string) (days [7]bool, err error) {
	for _, text := range texts {
		first, last, isRange := strings.Cut(text, ":")
		if !isRange {
			last = first
		}
		from, ok1 := weekdayOf(first)
		to, ok2 := weekdayOf(last)
		if !ok1 || !ok2 {
			return days, fmt.Errorf("%q is no day of the week, nor a range of them: write friday or saturday:monday, in full", text)
		}
		for d := from; ; d = (d + 1) % week {
			days[d] = true
			if d == to {
				break
			}
		}
	}
	if len(texts) == 0 {
		days = [7]bool{true, true, true, true, true, true, true}
	}
	return days, nil
}
