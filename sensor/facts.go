package sensor

import (
	"fmt"
	"os"
	"runtime"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/bpf"
)

// Facts are what the sensor finds on this machine beside its hooks.
type Facts struct {
	Kernel   string     `json:"kernel"` // uname -r
	Arch     string     `json:"arch"`
	BTF      string     `json:"btf"`           // "ok", or why the kernel's types cannot be read
	Missing  []string   `json:"missing"`       // capabilities, never null
	Refusal  string     `json:"refusal"`       // why the sensor would not start, "" if nothing is known
	Ring     Ring       `json:"ring_buffer"`   //
	Optional []Optional `json:"optional"`      // what makes the sensor faster or says more
	HostPIDs bool       `json:"host_pids"`     // in the initial pid namespace
	Compat   string     `json:"compat"`        // what 32-bit programs can do here
	CPUs     int        `json:"cpus"`          // possible ones
	Scratch  int64      `json:"scratch_bytes"` // of all CPUs, besides the ring
	MemLock  string     `json:"locked_memory"` // RLIMIT_MEMLOCK of this process
}

// Ring is the ring buffer as configured.
type Ring struct {
	Bytes int64  `json:"bytes"`
	State State  `json:"state"`
	Why   string `json:"why,omitempty"`
}

// Optional is a facility of the kernel that the sensor uses where it is there.
type Optional struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	Note  string `json:"note"`
}

// capabilities are those of docs/operations.md, and what each is for.
var capabilities = []struct {
	bit  uint
	name string
}{
	{unix.CAP_BPF, "CAP_BPF"}, {unix.CAP_PERFMON, "CAP_PERFMON"}, {unix.CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
	{unix.CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH"}, {unix.CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE"},
}

// Look gathers the Facts. What it cannot look at, it says so of.
func Look(cfg Config) Facts {
	f := Facts{Arch: runtime.GOARCH, BTF: "ok", Missing: []string{}, HostPIDs: ownTGID() != 0, Compat: compatFacts()}
	h, err := inspect()
	if err != nil {
		f.Refusal = oneLine(err)
		return f
	}
	f.Kernel = h.release
	if h.btf != nil {
		f.BTF = oneLine(h.btf)
	}
	for _, c := range capabilities {
		admin := c.bit == unix.CAP_BPF || c.bit == unix.CAP_PERFMON // CAP_SYS_ADMIN has both
		if h.caps>>c.bit&1 == 0 && !(admin && h.caps>>unix.CAP_SYS_ADMIN&1 == 1) {
			f.Missing = append(f.Missing, c.name)
		}
	}
	missing := h.missing()
	if missing != nil {
		f.Refusal = oneLine(missing)
	}
	f.memory(cfg, missing)
	f.Optional = optional(missing)
	return f
}

// memory looks at what the sensor's maps take.
func (f *Facts) memory(cfg Config, missing error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		f.MemLock = oneLine(err)
	} else if f.MemLock = fmt.Sprint(limit.Cur); limit.Cur == unix.RLIM_INFINITY {
		f.MemLock = "unlimited"
	}
	if cpus, err := ebpf.PossibleCPU(); err == nil { // else 0, which says enough
		f.CPUs = cpus
	}
	if spec, err := bpf.LoadSensor(); err == nil { // it is embedded: hooks say so if it cannot be read
		f.Scratch = int64(f.CPUs) * int64(spec.Maps[bpf.SensorMapScratches].ValueSize)
	}
	f.Ring = Ring{Bytes: int64(cfg.RingBuffer), State: OK}
	switch {
	case missing != nil:
		f.Ring.State, f.Ring.Why = Unknown, oneLine(missing)
	default:
		if err := tryRing(cfg); err != nil {
			f.Ring.State, f.Ring.Why = Blind, oneLine(err)
		}
	}
}

// tryRing makes a ring buffer of the configured size, for a moment.
func tryRing(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	if err := rlimit.RemoveMemlock(); err != nil {
		return fmt.Errorf("raise the locked memory limit: %w", err)
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: uint32(cfg.RingBuffer)})
	if err != nil {
		return fmt.Errorf("make a ring buffer of %d bytes: %w", int64(cfg.RingBuffer), err)
	}
	return m.Close()
}

// optional looks for what the sensor can do without.
func optional(missing error) []Optional {
	fast := Optional{"bpf_rdonly_cast", OK, "kernel objects are read directly; without it (before 6.2) an open costs more than twice as much"}
	task := Optional{"bpf_get_current_task_btf", OK, "the current task is read directly; without it (before 5.11) a little slower"}
	stats := Optional{"bpf_stats", OK, "the kernel can count what the programs cost"}
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		fast.State, task.State = Unknown, Unknown
	} else {
		var function *btf.Func
		if kernel.TypeByName("bpf_rdonly_cast", &function) != nil {
			fast.State = Blind
		}
		var helpers *btf.Enum
		if kernel.TypeByName("bpf_func_id", &helpers) != nil || !hasValue(helpers, "BPF_FUNC_get_current_task_btf") {
			task.State = Blind
		}
	}
	if missing != nil {
		stats.State = Unknown
	} else if s, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME)); err != nil {
		stats.State, stats.Note = Blind, stats.Note+": "+oneLine(err)
	} else if err := s.Close(); err != nil {
		stats.State, stats.Note = Blind, stats.Note+": "+oneLine(err)
	}
	return []Optional{fast, task, stats}
}

func hasValue(e *btf.Enum, name string) bool {
	for _, v := range e.Values {
		if v.Name == name {
			return true
		}
	}
	return false
}

// compatFacts says whether the kernel runs 32-bit programs, and how much of them is seen.
func compatFacts() string {
	seen := fmt.Sprintf("%d of their system calls are reported", len(compatNumbers()))
	if runtime.GOARCH != "amd64" {
		return "where the kernel runs 32-bit programs, " + seen
	}
	// The kernel has this file when it is built to run them (arch/x86/entry/vdso).
	if _, err := os.Stat("/proc/sys/abi/vsyscall32"); err != nil {
		return "the kernel does not run 32-bit programs"
	}
	return "the kernel is built to run 32-bit programs, " + seen
}
