package decode

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/tocsin-security/tocsin/pipeline"
)

// snapshot is what a Decoder knows before the first sample.
type snapshot struct {
	Processes []pipeline.Process `json:"processes"` // by pid, what enrich found out included
	Stream    []uint16           `json:"stream"`    // ports that are served
	Datagram  []uint16           `json:"datagram"`

	// Links are what root directories have, by mount namespace; older captures lack it.
	Links map[uint32]pipeline.Links `json:"links,omitempty"`

	// Mounts are the host's, HostNS its mount namespace; older captures lack them.
	Mounts []mount `json:"mounts,omitempty"`
	HostNS uint32  `json:"host_ns,omitempty"`
}

// Snapshot is the Decoder's state as JSON, for the start of a capture. It holds command lines and
// environments: treat it as a secret.
func (d *Decoder) Snapshot() ([]byte, error) {
	processes := make([]pipeline.Process, 0, len(d.table.byPID))
	for _, e := range d.table.byPID {
		if e.Exited {
			continue
		}
		processes = append(processes, pack(e.Process))
	}
	slices.SortFunc(processes, func(a, b pipeline.Process) int { return cmp.Compare(a.PID, b.PID) })
	b, err := json.Marshal(snapshot{processes, d.ports.stream.list(), d.ports.datagram.list(), d.links, d.mounts.list(), d.mounts.hostNS})
	if err != nil {
		return nil, fmt.Errorf("write a snapshot of %d processes: %w", len(processes), err)
	}
	return b, nil
}

// Restore replaces the state by a Snapshot. A Decoder that was restored and not seeded never
// looks at this machine's processes.
func (d *Decoder) Restore(text []byte) error {
	var s snapshot
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("read a snapshot of the process table: %w", err)
	}
	if s.Processes == nil {
		return errors.New("read a snapshot of the process table: it has none")
	}
	for i, p := range s.Processes {
		var err error
		if s.Processes[i], err = unpack(p); err != nil {
			return fmt.Errorf("read a snapshot of the process table: %w", err)
		}
	}
	d.ports = ports{}
	for _, port := range s.Stream {
		d.ports.stream.add(port)
	}
	for _, port := range s.Datagram {
		d.ports.datagram.add(port)
	}
	d.mounts = mounts{hostNS: s.HostNS}
	d.mounts.set(s.Mounts)
	t := &d.table
	clear(t.byPID)
	clear(t.dead)
	t.dead = t.dead[:0]
	t.size.Store(0)
	d.links = links{}
	for _, p := range s.Processes {
		t.insert(&entry{Process: p}, p.Start)
		if p.Links != 0 {
			d.links[p.MntNS] = p.Links
		}
	}
	maps.Copy(d.links, s.Links)
	for _, e := range t.byPID {
		if parent := t.byPID[e.PPID]; parent != nil {
			t.adopt(parent, e)
		}
	}
	return nil
}
