package sensor

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

// What uring_hooks tells the kernel side: bpf/uring.h.
const (
	uringKnown     = 1 << 0 // the tracepoints and structs are there
	uringResultArg = 1 << 1 // io_uring_complete has the result as an argument
	uringOverflow  = 1 << 2 // io_uring_cqe_overflow is there
	uringFailLink  = 1 << 3 // io_uring_fail_link is there
)

// uringEvents is the event that each io_uring operation (IORING_OP_*) is reported as. What a system
// call and an operation can both say is the call's: an operation that renames without flags is renameat
// all the same.
var uringEvents = map[uint8]pipeline.EventType{
	9:  pipeline.EventSendmsg,
	10: pipeline.EventRecvmsg,
	13: pipeline.EventAccept4,
	16: pipeline.EventConnect,
	18: pipeline.EventOpenat,
	26: pipeline.EventSendto,
	27: pipeline.EventRecvfrom,
	28: pipeline.EventOpenat2,
	35: pipeline.EventRenameat,
	36: pipeline.EventUnlinkat,
	37: pipeline.EventMkdirat,
	38: pipeline.EventSymlinkat,
	39: pipeline.EventLinkat,
	45: pipeline.EventSocket,
	47: pipeline.EventSendto,  // SEND_ZC
	48: pipeline.EventSendmsg, // SENDMSG_ZC
	56: pipeline.EventBind,
	57: pipeline.EventListen,
}

// UringEvents are the events that io_uring can make too, in order.
func UringEvents() []pipeline.EventType {
	types := slices.Sorted(maps.Values(uringEvents))
	return slices.Compact(types)
}

// uringTable is uringEvents as far as it is wanted; nil means all.
func uringTable(want []pipeline.EventType) (table [64]uint16) {
	for op, event := range uringEvents {
		if want == nil || slices.Contains(want, event) {
			table[op] = uint16(event)
		}
	}
	return table
}

// uring is what the running kernel has of io_uring's tracepoints.
type uring struct {
	submit string // the tracepoint that sees a request first; "" when io_uring cannot be watched
	hooks  uint32
}

// findUring looks into the kernel's BTF. Its tracepoints exist since 5.1 and have changed their
// arguments since; before 6.0 a request's parameters were laid out in another way, which is not read.
func findUring(kernel *btf.Spec) (uring, error) {
	for _, name := range []string{"io_uring_submit_req", "io_uring_submit_sqe"} {
		args, err := tracepoint(kernel, name)
		if errors.Is(err, btf.ErrNotFound) {
			continue
		}
		if err != nil {
			return uring{}, err
		}
		complete, err := tracepoint(kernel, "io_uring_complete")
		if err != nil || len(args) == 0 || !isRequest(args[0].Type) {
			return uring{}, err
		}
		u := uring{submit: name, hooks: uringKnown}
		if len(complete) > 3 { // context, request, user data, result, …
			u.hooks |= uringResultArg
		}
		ends, err := findUringEnds(kernel)
		u.hooks |= ends
		return u, err
	}
	return uring{}, nil
}

// findUringEnds looks for the tracepoints of requests that end without being completed.
func findUringEnds(kernel *btf.Spec) (hooks uint32, err error) {
	_, err = tracepoint(kernel, "io_uring_cqe_overflow")
	if err == nil {
		hooks |= uringOverflow
	} else if !errors.Is(err, btf.ErrNotFound) {
		return 0, err
	}
	args, err := tracepoint(kernel, "io_uring_fail_link")
	if err == nil && len(args) == 2 && isRequest(args[1].Type) {
		hooks |= uringFailLink
	} else if err != nil && !errors.Is(err, btf.ErrNotFound) {
		return 0, err
	}
	return hooks, nil
}

// tracepoint returns the arguments of a BTF tracepoint, without the first, which is the kernel's own.
func tracepoint(kernel *btf.Spec, name string) ([]btf.FuncParam, error) {
	var def *btf.Typedef
	if err := kernel.TypeByName("btf_trace_"+name, &def); err != nil {
		return nil, fmt.Errorf("look for the tracepoint %s: %w", name, err)
	}
	pointer, ok := def.Type.(*btf.Pointer)
	if !ok {
		return nil, fmt.Errorf("the tracepoint %s is a %v, not a function pointer", name, def.Type)
	}
	proto, ok := pointer.Target.(*btf.FuncProto)
	if !ok || len(proto.Params) == 0 {
		return nil, fmt.Errorf("the tracepoint %s is a %v, not a function", name, pointer.Target)
	}
	return proto.Params[1:], nil
}

// isRequest says whether a type is a pointer to a struct io_kiocb that has its parameters in cmd.
func isRequest(t btf.Type) bool {
	pointer, ok := btf.UnderlyingType(t).(*btf.Pointer)
	if !ok {
		return false
	}
	request, ok := btf.UnderlyingType(pointer.Target).(*btf.Struct)
	return ok && request.Name == "io_kiocb" && hasMember(request, "cmd")
}

func hasMember(s btf.Type, name string) bool {
	var members []btf.Member
	switch s := s.(type) {
	case *btf.Struct:
		members = s.Members
	case *btf.Union:
		members = s.Members
	}
	return slices.ContainsFunc(members, func(m btf.Member) bool {
		return m.Name == name || m.Name == "" && hasMember(btf.UnderlyingType(m.Type), name)
	})
}

// uringPrograms are the programs that watch io_uring and what each needs of the kernel. The one that sees
// requests begin is attached last: no end is missed.
var uringPrograms = []struct {
	name string
	hook uint32
}{
	{bpf.SensorProgIoUringComplete, uringKnown},
	{bpf.SensorProgIoUringCqeOverflow, uringOverflow},
	{bpf.SensorProgIoUringFailLink, uringFailLink},
	{bpf.SensorProgIoUringSubmit, uringKnown},
}

// prepare fits the programs to the kernel. Programs that have nothing to hang on are loaded empty and not
// attached.
func (u uring) prepare(spec *ebpf.CollectionSpec) error {
	spec.Programs[bpf.SensorProgIoUringSubmit].AttachTo = u.submit
	for _, p := range uringPrograms {
		if u.hooks&p.hook == 0 {
			spec.Programs[p.name].AttachTo = "sched_process_exec"
		}
	}
	if err := spec.Variables[bpf.SensorVarUringHooks].Set(u.hooks); err != nil {
		return fmt.Errorf("tell the sensor about io_uring: %w", err)
	}
	return nil
}

// attachable are those programs that have something to hang on, in order.
func (u uring) attachable(o *bpf.SensorPrograms) (programs []*ebpf.Program) {
	loaded := map[string]*ebpf.Program{
		bpf.SensorProgIoUringComplete:    o.IoUringComplete,
		bpf.SensorProgIoUringCqeOverflow: o.IoUringCqeOverflow,
		bpf.SensorProgIoUringFailLink:    o.IoUringFailLink,
		bpf.SensorProgIoUringSubmit:      o.IoUringSubmit,
	}
	for _, p := range uringPrograms {
		if u.hooks&p.hook != 0 {
			programs = append(programs, loaded[p.name])
		}
	}
	return programs
}
