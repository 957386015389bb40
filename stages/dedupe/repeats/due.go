package repeats

import "container/heap"

// due is a key whose episode is to be summed up, not before at. The episode itself knows better: its due
// may have moved, or it may be gone.
type due struct {
	at  int64
	key string
}

// dueQueue is a heap, the earliest on top.
type dueQueue []due

func (q dueQueue) Len() int           { return len(q) }
func (q dueQueue) Less(i, j int) bool { return q[i].at < q[j].at }
func (q dueQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push is for package heap.
func (q *dueQueue) Push(x any) { *q = append(*q, x.(due)) }

// Pop is for package heap.
func (q *dueQueue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}

func (q *dueQueue) add(d due) { heap.Push(q, d) }

// next takes the earliest off the queue, if it is not after now.
func (q *dueQueue) next(now int64) (due, bool) {
	if len(*q) == 0 || (*q)[0].at > now {
		return due{}, false
	}
	return heap.Pop(q).(due), true
}
