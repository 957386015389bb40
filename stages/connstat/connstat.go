// Package connstat keeps the counts of TCP connects by container. The kernel counts by control group
// (bpf/connect.h); this package knows whose group one is, adds up what belongs to one container, and
// bounds how many there are. It starts nothing: Refresh is for whoever shows the counts.
package connstat

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	// maxContainers bounds the label values: ten times what a node is built for. The rest is counted together.
	maxContainers = 1000
	// keep is how long a group without connects is remembered. A container that is gone has none; one that
	// is quiet for longer starts over from zero, which rate() takes as it is.
	keep = time.Hour
	// wait is how long counts of a group wait for the event that says whose it is. It is under way, or lost.
	wait = time.Minute
	// other is the container of what found no room, and of groups nobody knows.
	other = "other"
	host  = "host"
)

// Table holds the counts. It is safe for concurrent use.
type Table struct {
	describe func(id string) *pipeline.Container // by full id; nil when nothing is known

	refreshing sync.Mutex // one reading at a time: an older one would look like a count that went back

	mu         sync.Mutex // guards what follows
	groups     map[pipeline.ConnectGroup]*group
	containers map[string]*container // by the id that is shown
}

// group is a control group.
type group struct {
	owner   *container        // nil: not known yet
	since   time.Time         // when it was met
	changed time.Time         // when it last counted anything
	told    map[uint32]uint64 // by errno: how much of the kernel's count is in the owner's
}

// container is the sum of its groups.
type container struct {
	fullID string
	known  pipeline.Container // what was last known of it
	groups int
	counts map[uint32]uint64 // by errno
}

// New makes a Table. describe says what is known of a container; it must be safe for concurrent use.
func New(describe func(id string) *pipeline.Container) *Table {
	return &Table{describe: describe, groups: map[pipeline.ConnectGroup]*group{}, containers: map[string]*container{}}
}

// Learn takes in an EventConnects: its process's container is the group's. There is one for each group, so
// that the hot goroutine does nothing for a connect.
func (t *Table) Learn(ev *pipeline.Event) {
	id := other
	if p := ev.Proc; p.ContainerID != "" || p.Known {
		id = pipeline.ShortID(p.ContainerID)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.group(pipeline.ConnectGroupOf(ev), ev.At())
	if g.owner == nil {
		t.give(g, id, ev.Proc.ContainerID)
	}
}

func (t *Table) group(key pipeline.ConnectGroup, now time.Time) *group {
	g := t.groups[key]
	if g == nil {
		g = &group{since: now, changed: now, told: map[uint32]uint64{}}
		t.groups[key] = g
	}
	return g
}

// give makes g one of the container's groups, or of the rest's when there are too many.
func (t *Table) give(g *group, id, fullID string) {
	c := t.containers[id]
	if c == nil && id != other && id != host && len(t.containers) >= maxContainers {
		id, fullID = other, ""
		c = t.containers[id]
	}
	if c == nil {
		c = &container{fullID: strings.Clone(fullID), counts: map[uint32]uint64{}}
		if id == host {
			c.known.Name = host
		}
		t.containers[strings.Clone(id)] = c
	}
	c.groups++
	g.owner = c
}

// Refresh takes over what read returns: the kernel's counts. What nobody has added to for long is dropped
// here, and given to forget to be dropped there.
func (t *Table) Refresh(now time.Time, read func() ([]pipeline.Connects, error), forget func([]pipeline.Connects) error) error {
	t.refreshing.Lock()
	defer t.refreshing.Unlock()
	counts, err := read()
	if err != nil {
		return err
	}
	return forget(t.take(counts, now))
}

func (t *Table) take(counts []pipeline.Connects, now time.Time) (old []pipeline.Connects) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range counts {
		t.add(c, now)
	}
	for _, c := range counts {
		if g := t.groups[c.ConnectGroup]; g != nil && c.Group != 0 && now.Sub(g.changed) > keep {
			old = append(old, c)
		}
	}
	for key, g := range t.groups {
		if now.Sub(g.changed) > keep {
			delete(t.groups, key)
			t.leave(g)
		}
	}
	return old
}

// add takes over one of the kernel's counts.
func (t *Table) add(c pipeline.Connects, now time.Time) {
	if c.Count == 0 {
		return // a row for what finds the map full
	}
	g := t.group(c.ConnectGroup, now)
	if g.owner == nil {
		if c.Group != 0 && now.Sub(g.since) < wait {
			return
		}
		t.give(g, other, "")
	}
	told := g.told[c.Errno]
	if c.Count < told { // forgotten and begun anew
		told = 0
	}
	if c.Count == told {
		return
	}
	g.owner.counts[c.Errno] += c.Count - told
	g.told[c.Errno], g.changed = c.Count, now
}

// leave drops a container with its last group; the host and the rest stay.
func (t *Table) leave(g *group) {
	if g.owner == nil {
		return
	}
	g.owner.groups--
	for id, c := range t.containers {
		if c == g.owner && c.groups == 0 && id != other && id != host {
			delete(t.containers, id)
		}
	}
}

// Series is the counts of one container.
type Series struct {
	ID, Name, PodNS, PodName string // ID as labels have it: 12 characters, host, or other
	Connects                 uint64 // succeeded, or went on in the background
	Errors                   []Errors
}

// Errors counts the connects that failed with one error.
type Errors struct {
	Errno string // ECONNREFUSED
	Count uint64
}

// Series returns the counts of all containers.
func (t *Table) Series() []Series {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]Series, 0, len(t.containers))
	for id, c := range t.containers {
		if c.fullID != "" {
			if known := t.describe(c.fullID); known != nil {
				c.known = *known // kept for when the runtime has forgotten it
			}
		}
		s := Series{ID: id, Name: c.known.Name, PodNS: c.known.PodNS, PodName: c.known.PodName, Connects: c.counts[0]}
		for _, errno := range slices.Sorted(maps.Keys(c.counts)) {
			if errno != 0 {
				s.Errors = append(s.Errors, Errors{errnoName(errno), c.counts[errno]})
			}
		}
		all = append(all, s)
	}
	return all
}

func errnoName(errno uint32) string {
	if name := unix.ErrnoName(unix.Errno(errno)); name != "" {
		return name
	}
	return strconv.FormatUint(uint64(errno), 10)
}
