package groups

import "container/heap"

// notOrdered is the place of a group that is in no order.
const notOrdered = -1

// order is a heap of groups by when they can be claimed.
type order []*group

func (o order) Len() int           { return len(o) }
func (o order) Less(i, j int) bool { return o[i].at < o[j].at }
func (o order) Swap(i, j int) {
	o[i], o[j] = o[j], o[i]
	o[i].place, o[j].place = i, j
}

// Push is the heap's.
func (o *order) Push(x any) {
	g := x.(*group)
	g.place = len(*o)
	*o = append(*o, g)
}

// Pop is the heap's.
func (o *order) Pop() any {
	last := len(*o) - 1
	g := (*o)[last]
	(*o)[last] = nil
	*o = (*o)[:last]
	g.place = notOrdered
	return g
}

// fix brings a group where it belongs.
func (o *order) fix(g *group) {
	if g.place == notOrdered {
		heap.Push(o, g)
	} else {
		heap.Fix(o, g.place)
	}
}

func (o *order) drop(g *group) {
	if g.place != notOrdered {
		heap.Remove(o, g.place)
	}
}

// first takes the first group out.
func (o *order) first() *group { return heap.Pop(o).(*group) }
