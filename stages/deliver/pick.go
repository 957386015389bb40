package deliver

import (
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// item is a notification that waits, or is under way.
type item struct {
	delivery *pipeline.Delivery
	lane     lane
	since    time.Time
	most     int        // of how many it may be one in a message; 0: of any number
	done     chan error // capacity 1: what came of it
}

// batch is what goes as one message.
type batch struct {
	items  []*item
	digest bool
	lane   lane
}

// How much of a quota, of what was sent within its span and what waits, has notifications merged, and summed up.
const (
	mergeFrom  = 0.5
	digestFrom = 0.8
)

// pick takes what goes next of those that wait, sorted by lane and by time, when used requests were made of most.
// gathering: a message of several went only just now.
func pick(waiting []*item, used, most int, gathering bool) batch {
	if len(waiting) == 0 {
		return batch{}
	}
	urgents := 0
	for urgents < len(waiting) && waiting[urgents].lane == urgent {
		urgents++
	}
	if urgents > 0 {
		if pressure(used, urgents, most) > digestFrom {
			return batch{items: atMost(ofOneCall(waiting[:urgents])), lane: urgent}
		}
		return batch{items: []*item{waiting[0]}, lane: urgent}
	}
	b := batch{lane: normal}
	switch p := pressure(used, len(waiting), most); {
	case p <= mergeFrom:
		b.items = []*item{waiting[0]}
	case gathering:
		return batch{}
	case p <= digestFrom:
		rule := ruleOf(&waiting[0].delivery.Notification)
		for _, i := range waiting {
			if ruleOf(&i.delivery.Notification) == rule {
				b.items = append(b.items, i)
			}
		}
	default:
		b.items, b.digest = ofOneCall(waiting), true
	}
	b.items = atMost(b.items)
	return b
}

// ofOneCall are those with which the same people are called, as a step of an escalation does; where none calls anybody, all.
// Who is called goes before the rest.
func ofOneCall(waiting []*item) (some []*item) {
	first := max(0, slices.IndexFunc(waiting, func(i *item) bool { return callOf(&i.delivery.Notification) != "" }))
	call := callOf(&waiting[first].delivery.Notification)
	for _, i := range waiting {
		if callOf(&i.delivery.Notification) == call {
			some = append(some, i)
		}
	}
	return some
}

// atMost leaves the last out of what goes together, where the first was in a message that was not wanted.
func atMost(items []*item) []*item {
	if most := items[0].most; most > 0 && len(items) > most {
		return items[:most]
	}
	return items
}

func pressure(used, waiting, most int) float64 { return float64(used+waiting) / float64(most) }

// notification is what a batch tells, of what its members say.
func (b *batch) notification(all []pipeline.Notification) pipeline.Notification {
	switch {
	case len(all) == 1:
		return all[0]
	case b.digest:
		return digest(all)
	default:
		return together(all, reasonMerged)
	}
}
