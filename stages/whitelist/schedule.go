package whitelist

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/timeinterval"

	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/rules"
)

// schedule says when an entry applies: when any of its intervals holds; without any, always.
type schedule []interval

// interval is some hours of some days, as a clock on a wall of its location shows them.
type interval struct {
	spans    []span                    // empty: the whole day
	days     timeinterval.TimeInterval // has neither times nor location
	location *time.Location
}

// span is from one minute of a day until before another; one that ends at or before its beginning goes on
// into the next day.
type span struct{ begin, end int }

// contains reports whether the schedule holds at a moment.
func (s schedule) contains(at time.Time) bool {
	for i := range s {
		if s[i].contains(at) {
			return true
		}
	}
	return len(s) == 0
}

func (i *interval) contains(at time.Time) bool {
	at = at.In(i.location)
	if len(i.spans) == 0 {
		return i.days.ContainsTime(at)
	}
	minute := at.Hour()*60 + at.Minute()
	for _, s := range i.spans {
		switch overnight := s.end <= s.begin; {
		case minute >= s.begin && (overnight || minute < s.end):
			if i.days.ContainsTime(at) {
				return true
			}
		case overnight && minute < s.end:
			if i.days.ContainsTime(dayBefore(at)) { // it belongs to the day on which it began
				return true
			}
		}
	}
	return false
}

// dayBefore is noon, an hour that no change of clocks takes away.
func dayBefore(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day()-1, 12, 0, 0, 0, t.Location())
}

// readSchedule reads a list of intervals, or a single one.
func readSchedule(k rules.Key) (schedule, error) {
	intervals := []rules.Key{k}
	if k.IsList() {
		var err error
		if intervals, err = k.Entries(); err != nil {
			return nil, err
		}
	}
	if len(intervals) == 0 {
		return nil, syntax.Errorf(k.At, "schedule is empty: leave it out to apply always")
	}
	var s schedule
	for _, one := range intervals {
		i, err := readInterval(one)
		if err != nil {
			return nil, err
		}
		s = append(s, i)
	}
	return s, nil
}

var intervalKeys = []string{"daily", "times", "days", "weekdays", "days_of_month", "months", "years", "location"}

func readInterval(k rules.Key) (i interval, err error) {
	if k.IsScalar() || k.IsList() {
		return i, &syntax.Error{At: k.At, Msg: "schedule: an interval is a mapping", Hint: `as in {daily: "02:00-03:00", location: Asia/Shanghai}`}
	}
	keys, err := k.Keys()
	if err != nil {
		return i, err
	}
	if len(keys) == 0 {
		return i, syntax.Errorf(k.At, "schedule: the interval is empty: leave schedule out to apply always")
	}
	i.location = time.UTC
	for _, part := range keys {
		if err := i.read(part); err != nil {
			e := syntax.AsError(err)
			if !strings.HasPrefix(e.Msg, "schedule: ") {
				e.Msg = "schedule: " + e.Msg
			}
			if e.At.Line == 0 {
				e.At = part.At
			}
			return i, e
		}
	}
	if len(i.spans) == 0 && reflect.DeepEqual(i.days, timeinterval.TimeInterval{}) {
		return i, syntax.Errorf(k.At, "schedule: the interval names neither hours nor days: leave schedule out to apply always")
	}
	return i, nil
}

// read reads one key of an interval.
func (i *interval) read(k rules.Key) error {
	switch k.Name {
	case "daily":
		texts, err := k.Texts(true)
		if err != nil {
			return err
		}
		for _, t := range texts {
			begin, end, _ := strings.Cut(t.String(), "-")
			if err := i.addSpan(t.Pos(0), strings.TrimSpace(begin), strings.TrimSpace(end)); err != nil {
				return err
			}
		}
		return someOf(k, texts, nil)
	case "times":
		return i.readTimes(k)
	case "days", "weekdays":
		if i.days.Weekdays != nil {
			return syntax.Errorf(k.At, "days and weekdays are one and the same: write one of them")
		}
		err := k.Decode(&i.days.Weekdays)
		return someOf(k, i.days.Weekdays, err)
	case "days_of_month":
		err := k.Decode(&i.days.DaysOfMonth)
		return someOf(k, i.days.DaysOfMonth, err)
	case "months":
		err := k.Decode(&i.days.Months)
		return someOf(k, i.days.Months, err)
	case "years":
		err := k.Decode(&i.days.Years)
		return someOf(k, i.days.Years, err)
	case "location":
		return i.readLocation(k)
	}
	return &syntax.Error{At: k.At, Msg: fmt.Sprintf("unknown key %q", k.Name), Hint: syntax.DidYouMean(k.Name, intervalKeys)}
}

// someOf is the error of reading list, or that there is nothing in it: whoever writes none does not mean all.
func someOf[T any](k rules.Key, list []T, err error) error {
	if err == nil && len(list) == 0 {
		return syntax.Errorf(k.At, "%s is empty: leave it out if it does not matter", k.Name)
	}
	return err
}

// readTimes reads spans as Alertmanager writes them.
func (i *interval) readTimes(k rules.Key) error {
	entries, err := k.Entries()
	if err != nil {
		return err
	}
	for _, e := range entries {
		keys, err := e.Keys()
		if err != nil {
			return err
		}
		var begin, end string
		for _, part := range keys {
			t, err := part.Text()
			if err != nil {
				return err
			}
			switch part.Name {
			case "start_time":
				begin = t.String()
			case "end_time":
				end = t.String()
			default:
				return &syntax.Error{At: part.At, Msg: fmt.Sprintf("unknown key %q", part.Name),
					Hint: syntax.DidYouMean(part.Name, []string{"start_time", "end_time"})}
			}
		}
		if err := i.addSpan(e.At, begin, end); err != nil {
			return err
		}
	}
	return someOf(k, entries, nil)
}

func (i *interval) addSpan(at syntax.Pos, begin, end string) error {
	b, ok1 := minuteOf(begin)
	e, ok2 := minuteOf(end)
	switch {
	case !ok1 || !ok2 || b == endOfDay:
		return &syntax.Error{At: at, Msg: fmt.Sprintf("%q until %q is no time of day", begin, end), Hint: `write 02:00 and 03:00, the end at most 24:00`}
	case b == e:
		return &syntax.Error{At: at, Msg: fmt.Sprintf("%s until %s: it begins where it ends", begin, end), Hint: "a whole day is 00:00 until 24:00"}
	}
	i.spans = append(i.spans, span{b, e})
	return nil
}

const endOfDay = 24 * 60

// minuteOf reads HH:MM, up to 24:00.
func minuteOf(s string) (minute int, ok bool) {
	if s == "24:00" {
		return endOfDay, true
	}
	t, err := time.Parse("15:04", s)
	return t.Hour()*60 + t.Minute(), err == nil
}

// readLocation reads a time zone: one of the IANA's, or Local, which is the node's own.
func (i *interval) readLocation(k rules.Key) error {
	t, err := k.Text()
	if err != nil {
		return err
	}
	name := t.String()
	i.location, err = time.LoadLocation(name)
	if err != nil || name == "" {
		return &syntax.Error{At: t.Pos(0), Msg: fmt.Sprintf("location: there is no time zone %q", name), Hint: "name one of the IANA's, such as Asia/Shanghai or UTC"}
	}
	return nil
}
