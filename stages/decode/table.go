package decode

import (
	"sync/atomic"

	"github.com/tocsin-security/tocsin/pipeline"
)

// entry is a process and its place in the family tree. The tree is intrusive so that an exit costs the
// number of its children, not of all processes.
type entry struct {
	pipeline.Process
	parent     *entry
	child      *entry // the first child
	prev, next *entry // siblings
	diedAt     uint64 // ns CLOCK_BOOTTIME
	transient  bool   // found no room in the table: lives as long as its event, and nobody points at it
}

// table holds one entry a process. Exited ones stay a short while: the last events of a dying process
// may come after its exit.
type table struct {
	limit     int
	byPID     map[int32]*entry
	dead      []*entry // in the order they died
	machine   machine
	lastSweep uint64 // ns CLOCK_BOOTTIME

	// What other goroutines read.
	size atomic.Int64  // of byPID
	full atomic.Uint64 // processes that found no room
}

const (
	// How long an exited process can still be looked up. The kernel side sends a process's events in
	// order, so this only has to cover the io_uring workers that outlive it.
	keepDead = 2e9
	// How many exited processes are kept at most: a fork bomb makes 10,000 a second and core.
	maxDead = 4096
	// Pause between two searches for processes whose exit was lost; each reads /proc once.
	sweepPause = 10e9
	// /proc tells start times in ticks of 10 ms, cut off (USER_HZ is 100 on all that we run on).
	tick = 10e6
)

// is reports whether the entry is the process that started at start; 0 is unknown. A start time from
// /proc is up to a tick early; no pid is reused within a tick.
func (e *entry) is(start uint64) bool {
	return start == 0 || e.Start == 0 || (e.Start <= start && start-e.Start < tick)
}

// insert puts e into the table and replaces whoever had its pid. With the table full the entry serves the
// current event only, and is counted.
func (t *table) insert(e *entry, now uint64) {
	if old := t.byPID[e.PID]; old != nil {
		t.retire(old, nil, now)
	} else if len(t.byPID) >= t.limit && !t.makeRoom(now) {
		t.full.Add(1)
		e.transient = true
		return
	}
	t.byPID[e.PID] = e
	t.size.Store(int64(len(t.byPID)))
}

// retire marks e as exited and gives its children to reaper, or to the nearest living ancestor.
func (t *table) retire(e, reaper *entry, now uint64) {
	if e.Exited {
		return
	}
	e.Exited, e.diedAt = true, now
	if reaper == nil || reaper.Exited || reaper == e {
		reaper = living(e.parent)
	}
	for e.child != nil {
		c := e.child
		t.adopt(reaper, c)
		if reaper != nil {
			c.PPID = reaper.PID
		}
	}
	t.dead = append(t.dead, e)
}

// forget drops exited processes that are past their time, or too many.
func (t *table) forget(now uint64) {
	n := 0
	for n < len(t.dead) && (len(t.dead)-n > maxDead || t.dead[n].diedAt+keepDead < now) {
		e := t.dead[n]
		if t.byPID[e.PID] == e {
			delete(t.byPID, e.PID)
		}
		t.adopt(nil, e)
		n++
	}
	if n == 0 {
		return
	}
	rest := copy(t.dead, t.dead[n:])
	clear(t.dead[rest:]) // let the entries go
	t.dead = t.dead[:rest]
	t.size.Store(int64(len(t.byPID)))
}

// makeRoom frees entries of a full table: first of all that exited, then of processes that are gone
// from /proc because their exit event was lost.
func (t *table) makeRoom(now uint64) bool {
	if t.lastSweep == 0 || now-t.lastSweep > sweepPause {
		t.lastSweep = now
		if alive := t.machine.running(); alive != nil { // without the list nothing is known to be gone
			for pid, e := range t.byPID {
				if !alive[pid] {
					t.retire(e, nil, now)
				}
			}
		}
	}
	t.forget(now + keepDead + 1)
	return len(t.byPID) < t.limit
}

// adopt moves e under parent; nil means that the parent is not known.
func (t *table) adopt(parent, e *entry) {
	e.leave()
	if parent == e || (e.child != nil && descends(parent, e)) {
		parent = nil // stale pids made a loop: an unknown parent is better than an endless walk
	}
	e.parent, e.Parent = parent, nil
	if parent == nil {
		return
	}
	e.Parent = &parent.Process
	if e.transient {
		return
	}
	if e.next = parent.child; e.next != nil {
		e.next.prev = e
	}
	parent.child = e
}

// leave takes e out of its parent's children.
func (e *entry) leave() {
	if e.next != nil {
		e.next.prev = e.prev
	}
	if e.prev != nil {
		e.prev.next = e.next
	} else if e.parent != nil && e.parent.child == e {
		e.parent.child = e.next
	}
	e.prev, e.next = nil, nil
}

// descends reports whether e is root or below it.
func descends(e, root *entry) bool {
	for ; e != nil; e = e.parent {
		if e == root {
			return true
		}
	}
	return false
}

// living is the nearest of e and its ancestors that has not exited.
func living(e *entry) *entry {
	for e != nil && e.Exited {
		e = e.parent
	}
	return e
}
