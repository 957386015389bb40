package sensor

import (
	"fmt"
	"maps"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"

	"github.com/tocsin-security/tocsin/bpf"
)

// State is what became of trying something.
type State string

// States of a Hook.
const (
	OK      State = "ok"
	Blind   State = "blind"   // tried, or known not to work
	Unknown State = "unknown" // could not be tried
)

// Hook is a place in the kernel where the sensor looks.
type Hook struct {
	Name     string `json:"name"` // of the tracepoint
	State    State  `json:"state"`
	Why      string `json:"why,omitempty"` // of a hook that is not ok, on one line
	Without  string `json:"without"`       // what is lost without it
	Required bool   `json:"required"`      // the sensor does not start without it
}

// hookPrograms are the sensor's programs, in the order in which they are told.
var hookPrograms = []struct {
	program, without string
	required         bool
}{
	{bpf.SensorProgSysExit, "every system call: files, sockets, credentials, mounts, modules", true},
	{bpf.SensorProgSchedProcessExec, "which programs start, and what a process is", true},
	{bpf.SensorProgSchedProcessFork, "new processes, their parents and containers", true},
	{bpf.SensorProgSchedProcessExit, "the end of processes", true},
	{bpf.SensorProgIoUringSubmit, "files opened, renamed and removed through io_uring", false},
	{bpf.SensorProgIoUringComplete, "results of what io_uring does, and its sockets", false},
	{bpf.SensorProgIoUringCqeOverflow, "what io_uring does for a caller that does not read its results", false},
	{bpf.SensorProgIoUringFailLink, "io_uring requests that others before them stopped", false},
	{bpf.SensorProgInetSockSetState, "metrics only: the errors of connects that end in the background", false},
}

// ProbeHooks loads each program by itself, attaches it and takes it away again: the kernel has the last
// word. Without the rights to try, hooks are unknown, or blind if the kernel's types lack them.
func ProbeHooks() []Hook {
	rights := Check()
	hooks := make([]Hook, 0, len(hookPrograms))
	for _, p := range hookPrograms {
		h := Hook{Name: p.program, State: OK, Without: p.without, Required: p.required}
		name, err := hookName(p.program)
		h.Name = name
		switch {
		case err != nil:
			h.State, h.Why = Blind, oneLine(err)
		case rights != nil:
			h.State, h.Why = Unknown, oneLine(rights)
		default:
			if err := tryHook(p.program); err != nil {
				h.State, h.Why = Blind, oneLine(err)
			}
		}
		hooks = append(hooks, h)
	}
	return hooks
}

// hookName is the tracepoint a program hangs on, and an error if this kernel has none.
func hookName(program string) (string, error) {
	name := program
	if program == bpf.SensorProgIoUringSubmit {
		name = "io_uring_submit_req"
	}
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return name, fmt.Errorf("read the kernel's types: %w", err)
	}
	if strings.HasPrefix(program, "io_uring") {
		u, err := findUring(kernel)
		switch {
		case err != nil:
			return name, err
		case u.submit == "":
			return name, fmt.Errorf("the kernel has no io_uring tracepoint with a request that can be read: 6.0 or newer has")
		case program == bpf.SensorProgIoUringSubmit:
			name = u.submit
		}
	}
	_, err = tracepoint(kernel, name)
	return name, err
}

// tryHook loads one program and what it needs, and attaches it for a moment.
func tryHook(program string) (err error) {
	spec, _, err := prepare(minRingBuffer, ownTGID())
	if err != nil {
		return err
	}
	maps.DeleteFunc(spec.Programs, func(name string, _ *ebpf.ProgramSpec) bool { return name != program })
	objects, err := ebpf.NewCollection(spec)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	defer objects.Close()
	l, err := link.AttachTracing(link.TracingOptions{Program: objects.Programs[program]})
	if err != nil {
		return fmt.Errorf("attach: %w", err)
	}
	return l.Close()
}

// oneLine is an error as a line of a table can hold it: the verifier's are pages.
func oneLine(err error) string {
	const longest = 400
	s := strings.Join(strings.Fields(err.Error()), " ")
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + " …"
	}
	return s
}
