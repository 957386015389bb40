package interval

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/timeinterval"
)

// Config is an interval with its name, in Alertmanager's YAML. A moment is in it when it is in any of its Specs.
type Config struct {
	Name      string `yaml:"name"`
	Intervals []Spec `yaml:"time_intervals"`
}

// Spec is some hours of some days, as a clock on a wall of its location shows them. All that is set has to hold; of
// each list, one entry; what is not set holds always.
type Spec struct {
	Times       []Times  `yaml:"times"`
	Weekdays    []string `yaml:"weekdays"`      // friday, monday:thursday, saturday:monday
	DaysOfMonth []string `yaml:"days_of_month"` // 1, 1:7, -3:-1: the last three
	Months      []string `yaml:"months"`        // january, 3, november:february
	Years       []string `yaml:"years"`         // 2027, 2027:2029
	Location    string   `yaml:"location"`      // a name of the IANA's, or Local; default UTC
}

// Times are the hours from Start until before End, HH:MM, up to 24:00. Those that end before they begin go on into
// the next day, and belong to the day on which they began.
type Times struct {
	Start string `yaml:"start_time"`
	End   string `yaml:"end_time"`
}

// Keys of a configuration file that hold intervals. The second is Alertmanager's older one.
const (
	key      = "time_intervals"
	olderKey = "mute_time_intervals"
)

// Validate returns every mistake of the two lists of a configuration file, time_intervals and
// mute_time_intervals; each begins with its place: "time_intervals[0].time_intervals[1].weekdays[0]: ".
func Validate(intervals, older []Config) error {
	var errs []error
	names := map[string]string{}
	check := func(key string, list []Config) {
		for i, c := range list {
			at := fmt.Sprintf("%s[%d]", key, i)
			first, taken := names[c.Name]
			switch {
			case c.Name == "":
				errs = append(errs, fmt.Errorf("%s: an interval needs a name: routes ask for it by that", at))
			case taken:
				errs = append(errs, fmt.Errorf("%s.name: %q is there twice: it is the name of %s too", at, c.Name, first))
			default:
				names[c.Name] = at
			}
			for j, s := range c.Intervals {
				if _, err := s.compile(fmt.Sprintf("%s.time_intervals[%d]", at, j)); err != nil {
					errs = append(errs, err)
				}
			}
		}
	}
	check(key, intervals)
	check(olderKey, older)
	return errors.Join(errs...)
}

// compile makes hours of a Spec, or returns every mistake in it, each beginning with its place, which is below path.
func (s Spec) compile(path string) (hours, error) {
	h := hours{location: time.UTC}
	var errs []error
	bad := func(at string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s.%s: %w", path, at, err))
		}
	}
	if s.Times != nil && len(s.Times) == 0 {
		bad("times", errNone)
	}
	for i, t := range s.Times {
		span, err := t.span()
		bad(place("times", i), err)
		h.spans = append(h.spans, span)
	}
	h.days.Weekdays = readAll("weekdays", s.Weekdays, weekdays, bad)
	h.days.DaysOfMonth = readAll("days_of_month", s.DaysOfMonth, daysOfMonth, bad)
	h.days.Months = readAll("months", s.Months, months, bad)
	h.days.Years = readAll("years", s.Years, years, bad)
	if s.Location != "" {
		var err error
		if h.location, err = time.LoadLocation(s.Location); err != nil {
			bad("location", fmt.Errorf("there is no time zone %q: name one of the IANA's, such as Asia/Shanghai, or UTC or Local", s.Location))
		}
	}
	h.edges = edges(h.spans)
	return h, errors.Join(errs...)
}

func place(key string, i int) string { return key + "[" + strconv.Itoa(i) + "]" }

// errNone is the error of an empty list: whoever writes none does not mean all, nor an interval that never is.
var errNone = errors.New("the list is empty: leave it out if it does not matter")

// readAll reads the entries of one key.
func readAll[R any](key string, texts []string, read func(string) ([]R, error), bad func(string, error)) []R {
	if texts != nil && len(texts) == 0 {
		bad(key, errNone)
	}
	var all []R
	for i, text := range texts {
		ranges, err := read(text)
		bad(place(key, i), err)
		all = append(all, ranges...)
	}
	return all
}

const endOfDay = 24 * 60

func (t Times) span() (span, error) {
	begin, ok1 := minuteOf(t.Start)
	end, ok2 := minuteOf(t.End)
	switch {
	case t.Start == "" || t.End == "":
		return span{}, errors.New("start_time and end_time go together, as in 09:00 and 17:30")
	case !ok1 || begin == endOfDay:
		return span{}, fmt.Errorf("start_time %q is no time of day: write 00:00 to 23:59", t.Start)
	case !ok2:
		return span{}, fmt.Errorf("end_time %q is no time of day: write 00:00 to 24:00", t.End)
	case begin == end:
		return span{}, fmt.Errorf("%s until %s begins where it ends: a whole day is 00:00 until 24:00", t.Start, t.End)
	}
	return span{begin, end}, nil
}

// minuteOf reads HH:MM, up to 24:00, as a minute of the day.
func minuteOf(s string) (minute int, ok bool) {
	if s == "24:00" {
		return endOfDay, true
	}
	t, err := time.Parse("15:04", s)
	return t.Hour()*60 + t.Minute(), err == nil && len(s) == len("15:04")
}

// weekdays reads a weekday, or a range of them, which may go on into the next week.
func weekdays(text string) ([]timeinterval.WeekdayRange, error) {
	begin, end, err := ends[timeinterval.WeekdayRange](text)
	if err != nil {
		return nil, fmt.Errorf("%q is no day of the week, nor a range of them: write friday or saturday:monday, in full", text)
	}
	var all []timeinterval.WeekdayRange
	for _, r := range wrapped(begin.InclusiveRange, end.InclusiveRange, 0, 6) {
		all = append(all, timeinterval.WeekdayRange{InclusiveRange: r})
	}
	return all, nil
}

// months reads a month, or a range of them, which may go on into the next year.
func months(text string) ([]timeinterval.MonthRange, error) {
	begin, end, err := ends[timeinterval.MonthRange](text)
	if err != nil || begin.Begin < 1 || begin.Begin > 12 || end.End < 1 || end.End > 12 {
		return nil, fmt.Errorf("%q is no month, nor a range of them: write march, 3, or november:february, in full", text)
	}
	var all []timeinterval.MonthRange
	for _, r := range wrapped(begin.InclusiveRange, end.InclusiveRange, 1, 12) {
		all = append(all, timeinterval.MonthRange{InclusiveRange: r})
	}
	return all, nil
}

func daysOfMonth(text string) ([]timeinterval.DayOfMonthRange, error) {
	var r timeinterval.DayOfMonthRange
	if err := r.UnmarshalYAML(scalar(text)); err != nil {
		return nil, fmt.Errorf("%q is no day of a month, nor a range of them: %w; write 15, 1:7 or -3:-1", text, err)
	}
	return []timeinterval.DayOfMonthRange{r}, nil
}

func years(text string) ([]timeinterval.YearRange, error) {
	var r timeinterval.YearRange
	if err := r.UnmarshalYAML(scalar(text)); err != nil {
		return nil, fmt.Errorf("%q is no year, nor a range of them: %w; write 2027 or 2027:2029", text, err)
	}
	return []timeinterval.YearRange{r}, nil
}

// ends reads the two ends of a range by themselves, since Alertmanager's library refuses those that wrap.
func ends[R any, P interface {
	*R
	UnmarshalYAML(func(any) error) error
}](text string) (begin, end R, err error) {
	first, last, isRange := strings.Cut(text, ":")
	if !isRange {
		last = first
	}
	if strings.Contains(last, ":") {
		return begin, end, errors.New("more than two ends")
	}
	err = errors.Join(P(&begin).UnmarshalYAML(scalar(first)), P(&end).UnmarshalYAML(scalar(last)))
	return begin, end, err
}

// scalar gives text to a type that reads YAML.
func scalar(text string) func(any) error {
	return func(into any) error {
		*into.(*string) = strings.TrimSpace(text)
		return nil
	}
}

// wrapped is the range from begin to end, of values from least to most, in two parts if it wraps.
func wrapped(begin, end timeinterval.InclusiveRange, least, most int) []timeinterval.InclusiveRange {
	if begin.Begin <= end.End {
		return []timeinterval.InclusiveRange{{Begin: begin.Begin, End: end.End}}
	}
	return []timeinterval.InclusiveRange{{Begin: begin.Begin, End: most}, {Begin: least, End: end.End}}
}

// edges are the minutes of a day at which hours may begin or end, in order; midnight always, when days change.
func edges(spans []span) []int {
	minutes := []int{0}
	for _, s := range spans {
		minutes = append(minutes, s.begin, s.end%endOfDay)
	}
	slices.Sort(minutes)
	return slices.Compact(minutes)
}
