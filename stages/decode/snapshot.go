package decode

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Snapshot is the process table as JSON, for the start of a capture: a list of processes by pid, what
// enrich found out about them included. It holds command lines and environments: treat it as a secret.
func (d *Decoder) Snapshot() ([]byte, error) {
	processes := make([]pipeline.Process, 0, len(d.table.byPID))
	for _, e := range d.table.byPID {
		if e.Exited {
			continue
		}
		p := e.Process
		p.Parent = nil // PPID says it; the pointer would write every ancestor again
		processes = append(processes, p)
	}
	slices.SortFunc(processes, func(a, b pipeline.Process) int { return cmp.Compare(a.PID, b.PID) })
	b, err := json.Marshal(processes)
	if err != nil {
		return nil, fmt.Errorf("write a snapshot of %d processes: %w", len(processes), err)
	}
	return b, nil
}

// Restore replaces the process table by a Snapshot. A Decoder that was restored and not seeded never
// looks at this machine's processes.
func (d *Decoder) Restore(snapshot []byte) error {
	var processes []pipeline.Process
	if err := json.Unmarshal(snapshot, &processes); err != nil {
		return fmt.Errorf("read a snapshot of the process table: %w", err)
	}
	t := &d.table
	clear(t.byPID)
	clear(t.dead)
	t.dead = t.dead[:0]
	t.size.Store(0)
	for _, p := range processes {
		p.Parent = nil
		t.insert(&entry{Process: p}, p.Start)
		if p.Links != 0 {
			d.links[p.MntNS] = p.Links
		}
	}
	for _, e := range t.byPID {
		if parent := t.byPID[e.PPID]; parent != nil {
			t.adopt(parent, e)
		}
	}
	return nil
}
