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

var memories = map[string]scene{
	"a change is a value that differs from the last": {pipeline.Window{Changed: time.Hour}, []shown{
		{at: 0, changed: "a"}, {at: 1, changed: "a"}, {at: 2},
		{at: 3, changed: "b", fires: true, sight: &sight{count: 1, previous: "a", first: 3, last: 3}},
		{at: 4, changed: "b"},
		{at: 5, changed: "a", fires: true, sight: &sight{count: 1, previous: "b", first: 5, last: 5}},
	}},
	"a last value that is too old is no last value": {pipeline.Window{Changed: time.Hour}, []shown{
		{at: 0, changed: "a"}, {at: 3600, changed: "b", fires: true},
		{at: 7200.000001, changed: "a"}, {at: 7201, changed: "b", fires: true},
	}},
	"what is older than the last value is no change": {pipeline.Window{Changed: time.Hour}, []shown{
		{at: 10, changed: "a"}, {at: 9, late: 1, changed: "b"}, {at: 11, changed: "a"}, {at: 11, changed: "b", fires: true},
	}},
	"a change holds while it is in view": {pipeline.Window{Within: time.Minute, Count: 2, Changed: time.Hour}, []shown{
		{at: 0, changed: "a"}, {at: 1, changed: "b"},
		{at: 2, fires: true, sight: &sight{count: 3, previous: "a", first: 0, last: 2}},
		{at: 60, changed: "b", fires: true, sight: &sight{count: 3, previous: "a", first: 1, last: 60}},
		{at: 61, changed: "b"}, {at: 62, changed: "b"}, // the change at 1 has left
	}},
	"of a long value 64 bytes are shown as the one before": {pipeline.Window{Changed: time.Hour}, []shown{
		{at: 0, changed: strings.Repeat("k", 70)},
		{at: 1, changed: strings.Repeat("k", 71), fires: true, sight: &sight{count: 1, previous: strings.Repeat("k", 64), first: 1, last: 1}},
	}},
	"new is what was not seen before": {pipeline.Window{New: time.Hour}, []shown{
		{at: 0, new: "a", fires: true, sight: &sight{count: 1}},
		{at: 1, new: "a"}, {at: 2},
		{at: 3, new: "b", fires: true, sight: &sight{count: 1, first: 3, last: 3}},
		{at: 4, new: "a"}, {at: 5, new: "b"},
	}},
	"new again is what was not seen for so long": {pipeline.Window{New: time.Hour}, []shown{
		{at: 0, new: "a", fires: true}, {at: 1, new: "b", fires: true},
		{at: 3000, new: "a"}, {at: 3601, new: "b"}, // an hour: not more than that
		{at: 6600, new: "a"}, {at: 7201.000001, new: "b", fires: true},
	}},
	"what is late may be new, and is not new twice": {pipeline.Window{New: time.Hour}, []shown{
		{at: 100, new: "a", fires: true}, {at: 10, late: 90, new: "b", fires: true}, {at: 5, late: 96, new: "b"}, {at: 50, late: 60, new: "a"},
	}},
	"what is new holds while it is in view": {pipeline.Window{Within: time.Minute, Count: 1, New: time.Hour}, []shown{
		{at: 0, new: "a"}, {at: 59, new: "a", fires: true}, {at: 60, new: "a"},
		{at: 50, late: 10, new: "b", fires: true}, {at: 109, new: "a", fires: true}, {at: 110, new: "a"},
	}},
	"a key that nobody touched is forgotten, and with it what was seen": {pipeline.Window{New: time.Hour, Cooldown: 2 * time.Hour}, []shown{
		{at: 0, new: "a", fires: true}, {at: 0, late: 7200, new: "a"},
		{at: 0, late: 14400.000001, new: "a", fires: true},
	}},
}

// stepping is two steps in a minute.
var stepping = pipeline.Window{Within: time.Minute, Steps: 2}

// Steps as bits.
const (
	first  = 1
	then   = 2
	either = 3
	last   = 4
)

var sequences = map[string]scene{
	"steps in order fire": {stepping, []shown{
		{at: 0, steps: first}, {at: 5, steps: first},
		{at: 10, steps: then, fires: true, sight: &sight{count: 3, first: 0, last: 10, steps: []float64{5, 10}}},
	}},
	"steps in the wrong order do not": {stepping, []shown{{at: 0, steps: then}, {at: 1, steps: first}, {at: 2, steps: first}}},
	"steps farther apart than the window do not": {stepping, []shown{
		{at: 0, steps: first}, {at: 60, steps: then},
		{at: 61, steps: first}, {at: 120.999999, steps: then, fires: true},
	}},
	"one occurrence does not serve as two steps": {stepping, []shown{
		{at: 0, steps: either},
		{at: 1, steps: either, fires: true, sight: &sight{count: 2, first: 0, last: 1, steps: []float64{0, 1}}},
	}},
	"what is no step does not fire, whatever was before": {stepping, []shown{
		{at: 0, steps: first}, {at: 1, steps: then, fires: true}, {at: 2}, {at: 3, steps: first}, {at: 4, steps: then, fires: true},
	}},
	"steps that come late complete the sequence": {pipeline.Window{Within: time.Minute, Steps: 3}, []shown{
		{at: 0, steps: first}, {at: 20, steps: last},
		{at: 10, late: 11, steps: then, fires: true, sight: &sight{count: 3, first: 0, last: 20, steps: []float64{0, 10, 20}}},
		{at: 5, late: 17, steps: first, fires: true, sight: &sight{count: 4, first: 0, last: 20, steps: []float64{5, 10, 20}}},
		{at: 11, late: 17, steps: first},
	}},
	"of steps at the same time the arrival is the order": {stepping, []shown{
		{at: 0, steps: then}, {at: 0, steps: first}, {at: 0, steps: then, fires: true},
	}},
	"of several chains the one that starts latest is shown": {pipeline.Window{Within: time.Minute, Steps: 3}, []shown{
		{at: 0, steps: first}, {at: 1, steps: then}, {at: 2, steps: first}, {at: 3, steps: then}, {at: 4, steps: first}, {at: 5, steps: then},
		{at: 6, steps: last, fires: true, sight: &sight{count: 7, first: 0, last: 6, steps: []float64{4, 5, 6}}},
	}},
	"a sequence is kept over many occurrences that are no step": {pipeline.Window{Within: time.Minute, Steps: 3}, []shown{
		{at: 0, steps: first}, {at: 1, steps: then}, {at: 2, times: 1000}, {at: 3, times: 100, steps: first},
		{at: 59, steps: last, fires: true},
		{at: 60, steps: last},
	}},
	"a sequence and a count have both to hold": {pipeline.Window{Within: time.Minute, Steps: 2, Count: 3}, []shown{
		{at: 0, steps: first}, {at: 1, steps: then}, {at: 2, steps: first},
		{at: 3, steps: then, fires: true, sight: &sight{count: 4, first: 0, last: 3, steps: []float64{2, 3}}},
	}},
}

var repeats = map[string]scene{
	"what is delivered again does not count again": {counting, []shown{
		{at: 0, id: "a"}, {at: 1, id: "b"}, {at: 2, id: "c"}, {at: 0, late: 3, id: "a"}, {at: 1, late: 3, id: "b"}, {at: 2, late: 3, id: "c"},
		{at: 5, id: "d", fires: true, sight: &sight{count: 4, first: 0, last: 5}},
	}},
	"what fired fires again when it is delivered again": {pipeline.Window{Within: time.Minute, Count: 1, Cooldown: time.Hour}, []shown{
		{at: 0, id: "a"}, {at: 1, id: "b", fires: true, sight: &sight{count: 2, first: 0, last: 1}},
		{at: 2, id: "c"}, {at: 0, late: 3, id: "a"},
		{at: 1, late: 3, id: "b", fires: true, sight: &sight{count: 3, first: 0, last: 2}},
		{at: 2, late: 3, id: "c"},
	}},
	"what fired before the last does not fire again": {pipeline.Window{Within: time.Minute, Count: 1}, []shown{
		{at: 0, id: "a"}, {at: 1, id: "b", fires: true}, {at: 2, id: "c", fires: true}, {at: 1, late: 3, id: "b"}, {at: 2, late: 3, id: "c", fires: true},
	}},
	"what fired fires again when the view has gone on": {pipeline.Window{Within: time.Minute, Count: 1, Cooldown: time.Hour}, []shown{
		{at: 0, id: "a"}, {at: 1, id: "b", fires: true}, {at: 65, id: "c"},
		{at: 1, late: 65, id: "b", fires: true, sight: &sight{count: 1, first: 65, last: 65}},
	}},
	"a change that is delivered again is the same change": {pipeline.Window{Changed: time.Hour}, []shown{
		{at: 0, id: "a", changed: "x"}, {at: 1, id: "b", changed: "y", fires: true}, {at: 2, id: "c", changed: "y"},
		{at: 1, late: 2, id: "b", changed: "y", fires: true, sight: &sight{count: 1, previous: "x", first: 1, last: 1}},
		{at: 0, late: 3, id: "a", changed: "x"},
	}},
	"what is new and delivered again is as new as it was": {pipeline.Window{New: time.Hour}, []shown{
		{at: 0, id: "a", new: "x", fires: true}, {at: 0, late: 1, id: "a", new: "x", fires: true},
		{at: 1, id: "b", new: "y", fires: true}, {at: 0, late: 2, id: "a", new: "x"},
	}},
	"a step that is delivered again is one step": {stepping, []shown{
		{at: 0, id: "a", steps: either}, {at: 0, late: 1, id: "a", steps: either},
		{at: 2, id: "b", steps: then, fires: true}, {at: 2, late: 1, id: "b", steps: then, fires: true, sight: &sight{count: 2, first: 0, last: 2, steps: []float64{0, 2}}},
	}},
	"what has no id is never delivered again": {counting, []shown{{at: 0, times: 4, fires: true, sight: &sight{count: 4}}}},
}
