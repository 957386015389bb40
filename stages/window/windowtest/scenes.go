package windowtest

import (
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

const second = time.Second

// counting is more than three in a minute.
var counting = pipeline.Window{Within: time.Minute, Count: 3}

var thresholds = map[string]scene{
	"a count fires when it is exceeded, not when it is reached": {counting, []shown{
		{at: 0}, {at: 1}, {at: 2},
		{at: 3, fires: true, sight: &sight{count: 4, first: 0, last: 3}},
	}},
	"a large count fires at the first above it": {pipeline.Window{Within: time.Minute, Count: 60}, []shown{
		{at: 0, times: 61, fires: true, sight: &sight{count: 61}},
		{at: 1, fires: true, sight: &sight{count: 62, last: 1}},
	}},
	"distinct counts values, not occurrences": {pipeline.Window{Within: time.Minute, Distinct: 2}, []shown{
		{at: 0, distinct: "a"}, {at: 1, distinct: "b"}, {at: 2, distinct: "a"}, {at: 3, distinct: "b"},
		{at: 4, distinct: "c", fires: true, sight: &sight{count: 5, distinct: 3, values: []string{"a", "b", "c"}, first: 0, last: 4}},
	}},
	"an occurrence without a value is none of the values": {pipeline.Window{Within: time.Minute, Distinct: 1}, []shown{
		{at: 0, distinct: "a"}, {at: 1}, {at: 2},
		{at: 3, distinct: "b", fires: true, sight: &sight{count: 4, distinct: 2, values: []string{"a", "b"}, first: 0, last: 3}},
	}},
	"values are shown in the order in which they were last seen": {pipeline.Window{Within: time.Minute, Distinct: 2}, []shown{
		{at: 0, distinct: "a"}, {at: 1, distinct: "b"}, {at: 2, distinct: "a"},
		{at: 2, distinct: "c", fires: true, sight: &sight{count: 4, distinct: 3, values: []string{"b", "a", "c"}, first: 0, last: 2}},
		{at: 1.5, distinct: "b", fires: true, sight: &sight{count: 5, distinct: 3, values: []string{"b", "a", "c"}, first: 0, last: 2}},
		{at: 2, distinct: "a", fires: true, sight: &sight{count: 6, distinct: 3, values: []string{"b", "c", "a"}, first: 0, last: 2}},
	}},
	"the ten latest values are shown, and 64 bytes of each": {pipeline.Window{Within: time.Minute, Distinct: 11}, []shown{
		{at: 0, distinct: "a"}, {at: 1, distinct: "b"}, {at: 2, distinct: "c"}, {at: 3, distinct: "d"}, {at: 4, distinct: "e"},
		{at: 5, distinct: "f"}, {at: 6, distinct: "g"}, {at: 7, distinct: "h"}, {at: 8, distinct: "i"}, {at: 9, distinct: strings.Repeat("é", 40)},
		{at: 10, distinct: strings.Repeat("k", 64)},
		{at: 11, distinct: "x" + strings.Repeat("é", 40), fires: true, sight: &sight{count: 12, distinct: 12, first: 0, last: 11, values: []string{
			"c", "d", "e", "f", "g", "h", "i", strings.Repeat("é", 32), strings.Repeat("k", 64), "x" + strings.Repeat("é", 31),
		}}},
	}},
	"values that differ only behind what is shown are different": {pipeline.Window{Within: time.Minute, Distinct: 1}, []shown{
		{at: 0, distinct: strings.Repeat("k", 64) + "a"},
		{at: 1, distinct: strings.Repeat("k", 64) + "b", fires: true, sight: &sight{
			count: 2, distinct: 2, values: []string{strings.Repeat("k", 64), strings.Repeat("k", 64)}, first: 0, last: 1}},
	}},
	"all that is asked for has to hold": {pipeline.Window{Within: time.Minute, Count: 2, Distinct: 1, New: time.Hour}, []shown{
		{at: 0, distinct: "a", new: "x"}, {at: 1, distinct: "a", new: "x"}, {at: 2, distinct: "a", new: "x"}, // one value
		{at: 59.5, distinct: "b", new: "x", fires: true, sight: &sight{count: 4, distinct: 2, values: []string{"a", "b"}, first: 0, last: 59.5}},
		{at: 60, distinct: "b", new: "x"}, // the new one has left
		{at: 60, distinct: "b", new: "y", fires: true, sight: &sight{count: 5, distinct: 2, values: []string{"a", "b"}, first: 1, last: 60}},
	}},
}

var times = map[string]scene{
	"what is as old as the window is not in view": {counting, []shown{
		{at: 0}, {at: 20}, {at: 40}, {at: 60},
		{at: 60, fires: true, sight: &sight{count: 4, first: 20, last: 60}},
	}},
	"what is a microsecond younger than the window is in view": {counting, []shown{
		{at: 0}, {at: 20}, {at: 40},
		{at: 59.999999, fires: true, sight: &sight{count: 4, first: 0, last: 59.999999}},
	}},
	"values leave the view with their latest occurrence": {pipeline.Window{Within: time.Minute, Distinct: 2}, []shown{
		{at: 0, distinct: "a"}, {at: 10, distinct: "b"}, {at: 30, distinct: "a"},
		{at: 70, distinct: "c"}, // b has left
		{at: 71, distinct: "d", fires: true, sight: &sight{count: 3, distinct: 3, values: []string{"a", "c", "d"}, first: 30, last: 71}},
	}},
	"a late occurrence counts where it belongs": {counting, []shown{
		{at: 0}, {at: 50}, {at: 55},
		{at: 45, late: 15, fires: true, sight: &sight{count: 4, first: 0, last: 55}},
	}},
	"occurrences that came out of order leave in order": {counting, []shown{
		{at: 30}, {at: 10, late: 21}, {at: 20, late: 12},
		{at: 80}, // 20 and 10 have left
		{at: 80}, {at: 81, fires: true, sight: &sight{count: 4, first: 30, last: 81}},
	}},
	"what is later than the window changes nothing": {counting, []shown{
		{at: 100}, {at: 100}, {at: 40, late: 60}, {at: 35, late: 65}, {at: 100},
		{at: 100, fires: true, sight: &sight{count: 4, first: 100, last: 100}},
		{at: 40, late: 60}, // as old as the window: it does not fire either
		{at: 40.000001, late: 60, fires: true, sight: &sight{count: 5, first: 40.000001, last: 100}},
	}},
	"of a clock that runs ahead the arrival counts": {counting, []shown{
		{at: 11, late: -11}, // beyond lateness: it is 0
		{at: 1}, {at: 59},
		{at: 59, fires: true, sight: &sight{count: 4, first: 0, last: 59}},
		{at: 60, fires: true, sight: &sight{count: 4, first: 1, last: 60}},
	}},
	"of a clock that runs ahead by no more than lateness it is the clock that counts": {counting, []shown{
		{at: 10, late: -10}, {at: 11}, {at: 59},
		{at: 69, fires: true, sight: &sight{count: 4, first: 10, last: 69}},
	}},
	"after an alert a key is quiet for cooldown": {pipeline.Window{Within: time.Minute, Count: 1, Cooldown: 30 * second}, []shown{
		{at: 0}, {at: 1, fires: true}, {at: 2}, {at: 30.999999},
		{at: 31, fires: true, sight: &sight{count: 5, first: 0, last: 31}}, // those in between have counted
		{at: 2, late: 29}, // 29 s before
		{at: 1, late: 31, fires: true, sight: &sight{count: 7, first: 0, last: 31}}, // 30 s before: the clock that counts is the occurrences' own
		{at: 32, fires: true},
	}},
}

var timelines = map[string]scene{
	"a clock that jumps back begins a story of its own": {counting, []shown{
		{at: 1000}, {at: 1001}, {at: 1002},
		{at: 0, late: 1003}, {at: 1, late: 1003}, {at: 2, late: 1003},
		{at: 3, late: 1003, fires: true, sight: &sight{count: 4, first: 0, last: 3}},
	}},
	"a clock that jumps back does not disturb the others": {counting, []shown{
		{at: 1000}, {at: 1001}, {at: 0, late: 1002}, {at: 1002}, {at: 1, late: 1002},
		{at: 1003, fires: true, sight: &sight{count: 4, first: 1000, last: 1003}},
		{at: 2, late: 1002},
		{at: 3, late: 1001, fires: true, sight: &sight{count: 4, first: 0, last: 3}},
	}},
	"a third story takes the place of the one touched longest ago": {counting, []shown{
		{at: 10000, times: 3}, {at: 5000, late: 5000, times: 3}, {at: 10000, fires: true},
		{at: 0, late: 10000}, // in the place of 5000
		{at: 10000, fires: true, sight: &sight{count: 5, first: 10000, last: 10000}},
		{at: 5000, late: 5000, times: 3},
		{at: 10000, fires: true, sight: &sight{count: 6, first: 10000, last: 10000}},
		{at: 5000, late: 5000, fires: true, sight: &sight{count: 4, first: 5000, last: 5000}},
	}},
	"as far as the window, the rate's for and lateness reach it is the same story": {
		pipeline.Window{Within: 10 * second, Count: 1, RateSpan: 20 * second, RateFor: 30 * second}, []shown{
			{at: 100}, {at: 40, late: 60}, // too late to count, and no other story
			{at: 40, late: 60}, {at: 39, late: 61}, // another story
			{at: 39.5, late: 61, fires: true, sight: &sight{count: 2, first: 39, last: 39.5}},
		}},
	"of two stories that fit the one touched last goes on": {counting, []shown{
		{at: 1000}, {at: 1000}, {at: 929, late: 71}, {at: 930, late: 70}, {at: 931, late: 69},
		{at: 932, late: 69, fires: true, sight: &sight{count: 4, first: 929, last: 932}},
		{at: 950, late: 51, fires: true, sight: &sight{count: 5, first: 929, last: 950}},
		{at: 1011}, // 61 s ahead of this story, 11 s of the other: both fit
		{at: 1011}, {at: 1011},
		{at: 1011, fires: true, sight: &sight{count: 4, first: 1011, last: 1011}},
	}},
	"a story that nobody touched for its reach is forgotten": {counting, []shown{
		{at: 0, times: 3}, {at: 0, late: 70, fires: true}, // 70 s: not more than the reach
		{at: 0, late: 140.5, times: 3},
		{at: 0, late: 141, fires: true, sight: &sight{count: 4}},
	}},
	"of two stories the one that nobody touched is forgotten": {counting, []shown{
		{at: 1000, times: 3}, {at: 0, late: 1000, times: 3}, {at: 50, late: 1000, fires: true},
		{at: 1000, late: 70, fires: true}, // 70 s: not more than the reach
		{at: 51, late: 1068, fires: true, sight: &sight{count: 5, first: 0, last: 51}},
		{at: 52, late: 1100, fires: true}, {at: 1000, late: 153, times: 3},
	}},
	"as far as its reach a story takes what is too late, whichever was touched last": {counting, []shown{
		{at: 1000, times: 3}, {at: 0, late: 1000, times: 3},
		{at: 930, late: 70}, // 70 s before the first: no third story
		{at: 1000, fires: true, sight: &sight{count: 4, first: 1000, last: 1000}},
	}},
	"a spool that is delivered an hour late fires on what it holds, and on nothing else": {counting, []shown{
		{at: 3600, times: 3},
		{at: 0, late: 3600}, {at: 30, late: 3570}, {at: 45, late: 3555},
		{at: 59, late: 3541, fires: true, sight: &sight{count: 4, first: 0, last: 59}},
		{at: 3601, fires: true, sight: &sight{count: 4, first: 3600, last: 3601}},
	}},
}

// rating is more than 2/s over 10 s, for 5 s.
var rating = pipeline.Window{Rate: 2, RateSpan: 10 * second, RateFor: 5 * second}

var rates = map[string]scene{
	"a rate fires when it is exceeded": {pipeline.Window{Rate: 2, RateSpan: 10 * second}, []shown{
		{at: 0, times: 10}, {at: 9, times: 10},
		{at: 9.5, fires: true, sight: &sight{count: 21, rate: 2.1, first: 0, last: 9.5}},
		{at: 10}, // those of 0 have left
	}},
	"a rate fires when it was exceeded for so long": {rating, []shown{
		{at: 0, times: 20}, {at: 1}, {at: 4, times: 5}, {at: 5.999999},
		{at: 6, fires: true, sight: &sight{count: 28, rate: 2.8, first: 0, last: 6}},
	}},
	"a rate that was low in between begins anew": {rating, []shown{
		{at: 0, times: 21}, {at: 4}, {at: 10, times: 10}, // before this one only 4 was in view
		{at: 11, times: 11}, {at: 15.999}, // exceeded from 11 on
		{at: 16, fires: true, sight: &sight{count: 23, rate: 2.3, first: 10, last: 16}},
	}},
	"what is exactly the rate is not more": {rating, []shown{
		{at: 0, times: 20}, {at: 5, times: 21}, // exceeded from 5 on, not from 0
		{at: 9.999}, {at: 10, fires: true, sight: &sight{count: 23, rate: 2.3, first: 5, last: 10}},
		{at: 15, times: 20}, {at: 19.999}, // 5 has left before these, which exceed it from 15 on
		{at: 20, fires: true, sight: &sight{count: 22, rate: 2.2, first: 15, last: 20}},
	}},
	"a rate that was down to what is allowed begins anew": {rating, []shown{
		{at: 0}, {at: 1, times: 20}, {at: 10.5}, // exceeded from 1 on; 20 were in view before this one
		{at: 10.999}, {at: 15.5, times: 20, late: 0},
	}},
	"a late occurrence adds to the rate": {rating, []shown{
		{at: 0, times: 10}, {at: 9, times: 10}, {at: 5, late: 4}, // exceeded from 9 on
		{at: 9.9, times: 20},
		{at: 14, fires: true, sight: &sight{count: 32, rate: 3.2, first: 5, last: 14}},
	}},
	"a rate may be less than one": {pipeline.Window{Rate: 3.0 / 3600, RateSpan: time.Hour}, []shown{
		{at: 0}, {at: 1000}, {at: 2000}, {at: 3600},
		{at: 3601, fires: true, sight: &sight{count: 4, rate: 4.0 / 3600, first: 1000, last: 3601}},
	}},
	"a rate and a count look back as far as each is told": {pipeline.Window{Within: time.Minute, Count: 4, Rate: 0.2, RateSpan: 10 * second}, []shown{
		{at: 0}, {at: 1}, {at: 30}, {at: 31}, // no rate
		{at: 50}, {at: 51}, // in count, not in rate
		{at: 52, fires: true, sight: &sight{count: 7, rate: 0.3, first: 0, last: 52}},
		{at: 60.9, fires: true, sight: &sight{count: 7, rate: 0.3, first: 1, last: 60.9}},
	}},
}
