package windowtest

import (
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

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
	"what could be two steps is the one with which the chain starts latest": {pipeline.Window{Within: time.Minute, Steps: 3}, []shown{
		{at: 0, steps: first}, {at: 20, steps: then}, {at: 30, steps: last, fires: true},
		{at: 10, late: 21, steps: either, fires: true, sight: &sight{count: 4, first: 0, last: 30, steps: []float64{10, 20, 30}}},
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
	"what fired is shown at its first time when its clock is right again": {stepping, []shown{
		{at: 0, id: "a", steps: first}, {at: 21, late: -19, id: "b", steps: then, fires: true, sight: &sight{count: 2, first: 0, last: 2, steps: []float64{0, 2}}},
		{at: 21, id: "b", steps: then, fires: true, sight: &sight{count: 2, first: 0, last: 2, steps: []float64{0, 2}}},
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
