package sensor

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Shed says when an event is left out because the ring is about to be full. Processes that come, change
// their image and go are never left out, nor is what the process table lives on.
type Shed uint8

// Shed values.
const (
	ShedNever = Shed(bpf.SensorShedSHED_NEVER) // only when the ring has no room at all
	ShedLast  = Shed(bpf.SensorShedSHED_LAST)  // from shedLast on: programs that start have larger records than opens
	ShedLate  = Shed(bpf.SensorShedSHED_LATE)  // from shedLate on
	ShedEarly = Shed(bpf.SensorShedSHED_EARLY) // from shedEarly on
)

// How full the ring is when it begins to shed, in sixteenths. Sooner loses what a short burst would not
// have; later leaves less for what matters: an eighth of the smallest ring is a few program starts.
const (
	shedEarly = 12
	shedLate  = 14
	shedLast  = 15
	// shedLook is the part of the ring that all CPUs together can fill between two looks at it. Smaller
	// asks more often, on the way of every event; larger than shedLate-shedEarly would not see the first
	// step in time for the second.
	shedLook = 1
)

// shedTypes is EVENT_TYPES of bpf/record.h.
const shedTypes = 256

// prepareShedding tells the kernel side its limits for a ring of that many bytes.
func prepareShedding(spec *ebpf.CollectionSpec, ring uint32, cpus int) error {
	part := uint64(ring) / 16
	for name, value := range map[string]any{
		bpf.SensorVarShedEarlyFrom: part * shedEarly,
		bpf.SensorVarShedLateFrom:  part * shedLate,
		bpf.SensorVarShedLastFrom:  part * shedLast,
		bpf.SensorVarLookAfter:     uint32(part * shedLook / uint64(cpus)),
	} {
		if err := spec.Variables[name].Set(value); err != nil {
			return fmt.Errorf("tell the sensor when its ring is crowded: %w", err)
		}
	}
	return nil
}

// SetShed changes what is left out first when the ring fills up. What order does not name is kept for as
// long as there is room, and so is all in the beginning.
func (s *Sensor) SetShed(order map[pipeline.EventType]Shed) error {
	if err := s.objects.ShedClasses.Set(shedClasses(order)); err != nil {
		return fmt.Errorf("set what the sensor leaves out when its ring is crowded: %w", err)
	}
	return nil
}

func shedClasses(order map[pipeline.EventType]Shed) (classes [shedTypes]uint8) {
	for event, class := range order {
		if int(event) < len(classes) {
			classes[event] = uint8(class)
		}
	}
	for _, spec := range table() {
		if feedsProcessTable(spec) {
			classes[spec.Type] = uint8(ShedNever)
		}
	}
	return classes
}

// StateCalls are the system calls that change what later events tell of their process, or of the ports that
// are served: whoever wants any event wants these, too. They are rare.
func StateCalls() []pipeline.EventType {
	var calls []pipeline.EventType
	seen := Syscalls()
	for _, spec := range table() {
		if event := pipeline.EventType(spec.Type); feedsProcessTable(spec) && slices.Contains(seen, event) {
			calls = append(calls, event)
		}
	}
	return calls
}

// feedsProcessTable says whether a system call changes what later events tell of its process, or of the
// ports that are served.
func feedsProcessTable(spec bpf.SensorSyscallSpec) bool {
	const state = bpf.SensorSpecFlagSPEC_CRED | bpf.SensorSpecFlagSPEC_CWD | bpf.SensorSpecFlagSPEC_ROOT
	switch pipeline.EventType(spec.Type) {
	case pipeline.EventSetsid, pipeline.EventSetpgid, pipeline.EventBind, pipeline.EventListen:
		return true
	default:
		return bpf.SensorSpecFlag(spec.Flags)&state != 0
	}
}
