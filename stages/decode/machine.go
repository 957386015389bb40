package decode

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/tocsin-security/tocsin/pipeline"
)

// machine answers what events do not tell. Live it reads procfs and can note each answer for a capture; in
// a replay it gives the answers that were noted, and never looks at the machine it runs on.
type machine struct {
	procfs string           // "" means: never look there
	note   func([]byte)     // nil when nobody wants to know
	noted  map[int32]answer // processes as they were noted, until they are asked for
	alive  map[int32]bool   // likewise, the pids of a sweep
}

// answer is one answer as a capture has it: exactly one of its parts is there.
type answer struct {
	Process *pipeline.Process `json:"process,omitempty"` // of /proc, packed; its cgroup paths are
	Cgroups []string          `json:"cgroups,omitempty"`

	MountNS uint32         `json:"mnt_ns,omitempty"` // its root directory has
	Links   pipeline.Links `json:"links,omitempty"`

	Running []int32 `json:"running,omitempty"` // all pids

	Mounts []mount `json:"mounts,omitempty"` // the host's, all of them
}

// How many noted processes may wait to be asked for: a whole table's. Nobody asks for those of events
// that a replay leaves out.
const maxNoted = defaultMaxProcesses

// process reads a process and its cgroup paths; ok is false if it is not there.
func (m *machine) process(pid int32, offset int64) (p pipeline.Process, paths []string, ok bool) {
	if m.procfs == "" {
		a, ok := m.noted[pid]
		if !ok {
			return p, nil, false
		}
		delete(m.noted, pid)
		return *a.Process, a.Cgroups, true
	}
	p, paths, err := readProcess(m.procfs, pid, offset)
	if err != nil {
		return p, nil, false
	}
	if m.note != nil {
		packed := pack(p)
		m.tell(answer{Process: &packed, Cgroups: paths})
	}
	return p, paths, true
}

// links looks at the root directory of a process; ok is false if it cannot be seen.
func (m *machine) links(pid int32, mountNS uint32) (found pipeline.Links, ok bool) {
	if m.procfs == "" {
		return 0, false // the noted ones are in Decoder.links already
	}
	found, ok = readLinks(filepath.Join(m.procfs, strconv.Itoa(int(pid)), "root"))
	if ok {
		m.tell(answer{MountNS: mountNS, Links: found})
	}
	return found, ok
}

// running returns the pids of all processes, or nil if they are not known.
func (m *machine) running() map[int32]bool {
	if m.procfs == "" {
		alive := m.alive
		m.alive = nil
		return alive
	}
	alive, err := listPIDs(m.procfs)
	if err != nil {
		return nil
	}
	if m.note != nil {
		pids := make([]int32, 0, len(alive))
		for pid := range alive {
			pids = append(pids, pid)
		}
		m.tell(answer{Running: pids})
	}
	return alive
}

func (m *machine) tell(a answer) {
	if m.note == nil {
		return
	}
	text, err := json.Marshal(a)
	if err != nil {
		panic(err) // numbers and strings
	}
	m.note(text)
}

// Note has note called with everything that decoding reads of this machine from now on, during the
// Decode that needs it. A Decoder that was told it by Learn before the same sample decodes it as this one.
func (d *Decoder) Note(note func(text []byte)) { d.table.machine.note = note }

// Learn takes over what Note gave out for a capture.
func (d *Decoder) Learn(text []byte) error {
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		return fmt.Errorf("read what was looked up while a capture was made: %w", err)
	}
	m := &d.table.machine
	switch {
	case a.Process != nil:
		p, err := unpack(*a.Process)
		if err != nil {
			return err
		}
		if m.noted == nil || len(m.noted) >= maxNoted {
			m.noted = map[int32]answer{}
		}
		m.noted[p.PID] = answer{Process: &p, Cgroups: a.Cgroups}
	case a.MountNS != 0:
		d.links.set(a.MountNS, a.Links)
	case a.Mounts != nil:
		d.mounts.set(a.Mounts)
	default:
		m.alive = map[int32]bool{}
		for _, pid := range a.Running {
			m.alive[pid] = true
		}
	}
	return nil
}
