package decode

import (
	"fmt"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Config is what decoding needs to know.
type Config struct {
	// MaxProcesses bounds the process table; 0 means 262144. A process takes about a kilobyte plus its
	// arguments and environment. When the table is full, unknown processes are decoded but not kept.
	MaxProcesses int
}

const defaultMaxProcesses = 262144

// Decoder decodes samples. Only Processes and TableFull are safe for use from other goroutines.
type Decoder struct {
	host   string
	offset int64
	table  table
	rec    record
	text   []byte   // what the current event's assembled strings alias
	paths  []string // the current record's cgroup paths
	num    uint64
	ports  ports
	links  links
	mounts mounts

	other    pipeline.Event         // where a descriptor besides the event's own is decoded
	received [maxPassed]pipeline.FD // what the current event's Passed aliases
}

// New makes a Decoder. host names the machine in events; offset is added to CLOCK_BOOTTIME to get
// nanoseconds since the epoch (BootOffset, or the header of a capture).
func New(cfg Config, host string, offset int64) *Decoder {
	limit := cfg.MaxProcesses
	if limit <= 0 {
		limit = defaultMaxProcesses
	}
	return &Decoder{
		host:   host,
		offset: offset,
		table:  table{limit: limit, byPID: make(map[int32]*entry, min(limit, 4096))},
		text:   make([]byte, 0, 8192),
		links:  links{},
	}
}

// Decode fills ev from s. ok is false when the sample only changed the process table (a new task).
// An error means a malformed sample: ev and the table are as they were.
func (d *Decoder) Decode(s pipeline.Sample, ev *pipeline.Event) (ok bool, err error) {
	if err := d.rec.parse(s); err != nil {
		return false, fmt.Errorf("decode a sample of %d bytes: %w", len(s), err)
	}
	h := d.rec.header
	d.text = d.text[:0]
	*ev = pipeline.Event{
		Mounts: &d.mounts,
		Type:   pipeline.EventType(h.Type),
		Flags:  pipeline.EventFlags(h.Flags) & (pipeline.FlagCompat | pipeline.FlagTruncated | pipeline.FlagIOUring),
		CPU:    h.Cpu,
		TID:    int32(h.Tid),
		Source: "syscall",
		Time:   int64(h.Time) + d.offset,
		Host:   d.host,
	}
	if d.rec.truncated {
		ev.Flags |= pipeline.FlagTruncated
	}
	d.table.forget(h.Time)
	switch ev.Type {
	case pipeline.EventClone:
		if h.Flags&flagThread == 0 { // threads belong to their process's entry
			d.fork()
		}
		return false, nil // rules see the system call: clone, fork, …
	case pipeline.EventExecve:
		d.exec(ev)
	case pipeline.EventExit:
		if !d.exit(ev) {
			return false, nil
		}
	default:
		d.syscall(ev)
	}
	d.num++
	ev.Num = d.num
	return true, nil
}

// Processes is how many processes the table holds, those that exited a moment ago included.
func (d *Decoder) Processes() int { return int(d.table.size.Load()) }

// TableFull counts the processes that found no room in the table: pipeline.LossProcessTableFull.
func (d *Decoder) TableFull() uint64 { return d.table.full.Load() }

// Lookup returns the process that has pid now, or nil.
func (d *Decoder) Lookup(pid int32) *pipeline.Process {
	e := d.table.byPID[pid]
	if e == nil {
		return nil
	}
	return &e.Process
}

// BootOffset is what the Decoder adds to CLOCK_BOOTTIME, for the header of a capture.
func (d *Decoder) BootOffset() int64 { return d.offset }

// TypeOf is the kind of event a sample holds, without decoding it; unknown for what is no sample.
func TypeOf(s pipeline.Sample) pipeline.EventType {
	h := view[eventHeader](s)
	if h == nil {
		return pipeline.EventUnknown
	}
	return pipeline.EventType(h.Type)
}
