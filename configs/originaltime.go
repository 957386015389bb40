package configs

import (
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/tocsin-security/tocsin/stages/route/interval"
)

// alertmanagerIntervals writes intervals as Alertmanager reads them: hours that go past midnight in two parts, of
// which the second is on the weekdays after; ranges that wrap in two. Days of the month and months of the second part
// stay as they are.
func alertmanagerIntervals(all []interval.Config) []yaml.MapSlice {
	var list []yaml.MapSlice
	for _, c := range all {
		specs := []yaml.MapSlice{}
		for _, s := range c.Intervals {
			specs = append(specs, alertmanagerSpecs(s)...)
		}
		list = append(list, yaml.MapSlice{{Key: "name", Value: c.Name}, {Key: "time_intervals", Value: specs}})
	}
	return list
}

func alertmanagerSpecs(s interval.Spec) []yaml.MapSlice {
	var before, after []interval.Times
	for _, t := range s.Times {
		if t.Start < t.End { // both are HH:MM
			before = append(before, t)
			continue
		}
		before = append(before, interval.Times{Start: t.Start, End: "24:00"})
		if t.End != "00:00" {
			after = append(after, interval.Times{Start: "00:00", End: t.End})
		}
	}
	weekdays, months := unwrapped(s.Weekdays, dayNames), unwrapped(s.Months, monthNames)
	specs := []yaml.MapSlice{specOf(s, before, weekdays, months)}
	if len(after) > 0 {
		specs = append(specs, specOf(s, after, dayAfter(weekdays), months))
	}
	return specs
}

func specOf(s interval.Spec, times []interval.Times, weekdays, months []string) yaml.MapSlice {
	spec := yaml.MapSlice{}
	add := func(key string, value any, set bool) {
		if set {
			spec = append(spec, yaml.MapItem{Key: key, Value: value})
		}
	}
	add("times", times, len(times) > 0)
	add("weekdays", weekdays, len(weekdays) > 0)
	add("days_of_month", s.DaysOfMonth, len(s.DaysOfMonth) > 0)
	add("months", months, len(months) > 0)
	add("years", s.Years, len(s.Years) > 0)
	add("location", s.Location, s.Location != "")
	return spec
}

var dayNames, monthNames = func() (days, months []string) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		days = append(days, strings.ToLower(d.String()))
	}
	for m := time.January; m <= time.December; m++ {
		months = append(months, strings.ToLower(m.String()))
	}
	return days, months
}()

// unwrapped writes ranges that wrap in two parts. Numbers, and whatever else is no name, stay as they are.
func unwrapped(ranges, names []string) []string {
	var all []string
	for _, text := range ranges {
		first, last := endsOf(text)
		begin, end := slices.Index(names, first), slices.Index(names, last)
		if begin < 0 || end < 0 || begin <= end {
			all = append(all, text)
			continue
		}
		all = append(all, first+":"+names[len(names)-1], names[0]+":"+last)
	}
	return all
}

func endsOf(text string) (first, last string) {
	first, last, isRange := strings.Cut(strings.ToLower(text), ":")
	if !isRange {
		last = first
	}
	return strings.TrimSpace(first), strings.TrimSpace(last)
}

// dayAfter are the days that follow these, one by one.
func dayAfter(weekdays []string) []string {
	var all []string
	for _, text := range weekdays {
		first, last := endsOf(text)
		for day := slices.Index(dayNames, first); day >= 0 && day <= slices.Index(dayNames, last); day++ {
			all = append(all, dayNames[(day+1)%len(dayNames)])
		}
	}
	return all
}
