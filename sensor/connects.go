package sensor

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

// maxErrno is the last of Linux's error numbers (EHWPOISON).
const maxErrno = 133

// connectState is the tracepoint at which a connect in the background ends.
const connectState = "inet_sock_set_state"

// prepareConnects fits the program that sees connects end to the kernel: without its tracepoint (a kernel
// without TCP) it is loaded and not attached.
func prepareConnects(kernel *btf.Spec, spec *ebpf.CollectionSpec) (found bool, err error) {
	_, err = tracepoint(kernel, connectState)
	if errors.Is(err, btf.ErrNotFound) {
		spec.Programs[bpf.SensorProgInetSockSetState].AttachTo = "sched_process_exec"
		return false, nil
	}
	return err == nil, err
}

// startConnects makes the rows for what finds the map full, so that nothing goes uncounted.
func (s *Sensor) startConnects(log *slog.Logger) error {
	if s.counting == CountNever {
		return nil
	}
	if !s.hasEnds {
		log.Warn("this kernel does not tell how connects in the background end: their errors are not counted")
	}
	for errno := range uint32(maxErrno + 1) {
		if err := s.objects.Connects.Put(bpf.SensorConnectKey{Error: int32(errno)}, uint64(0)); err != nil {
			return fmt.Errorf("make room for the sensor's counts of connects: %w", err)
		}
	}
	return nil
}

// countConnects has the kernel count connects, and report them too if want has them; nil is all events. It
// returns want with what is needed to count.
func (s *Sensor) countConnects(want []pipeline.EventType) ([]pipeline.EventType, error) {
	reported := want == nil || slices.Contains(want, pipeline.EventConnect)
	var counted, only uint32
	if s.counting == CountAlways || s.counting == CountAuto && reported {
		counted = uint32(pipeline.EventConnect)
		if err := s.watchEnds(); err != nil {
			return nil, err
		}
		if !reported {
			only = 1
			want = append(slices.Clone(want), pipeline.EventConnect)
		}
	}
	// Between the two, and until the rest is set, some connects may be reported that nobody asked for: those
	// do no harm.
	err := errors.Join(s.objects.CountedEvent.Set(counted), s.objects.ConnectsOnly.Set(only))
	if err != nil {
		return nil, fmt.Errorf("set whether the sensor counts connects: %w", err)
	}
	return want, nil
}

// watchEnds attaches the program that sees connects end. It stays until Close.
func (s *Sensor) watchEnds() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connectEnds != nil || !s.hasEnds {
		return nil
	}
	s.connectEnds, err = link.AttachTracing(link.TracingOptions{Program: s.objects.InetSockSetState})
	if err != nil {
		return fmt.Errorf("attach the sensor's program %s: %w", s.objects.InetSockSetState, err)
	}
	return nil
}

// Connects returns the counts of TCP connects; none where they are not counted.
func (s *Sensor) Connects() ([]pipeline.Connects, error) {
	if s.counting == CountNever {
		return nil, nil
	}
	var counts []pipeline.Connects
	var key bpf.SensorConnectKey
	var count uint64
	rows := s.objects.Connects.Iterate()
	for rows.Next(&key, &count) {
		counts = append(counts, pipeline.Connects{
			ConnectGroup: pipeline.ConnectGroup{Group: key.Group, Controller: key.Controller},
			Errno:        uint32(key.Error), Count: count,
		})
	}
	// A row deleted under the iterator starts it over at worst: then it ends early, and the next reading has
	// what this one lacks.
	if err := rows.Err(); err != nil && !errors.Is(err, ebpf.ErrIterationAborted) {
		return nil, fmt.Errorf("read the sensor's counts of connects: %w", err)
	}
	return counts, nil
}

// ForgetConnects makes room: the counts are dropped, and a group that connects again is announced again.
func (s *Sensor) ForgetConnects(counts []pipeline.Connects) error {
	for _, c := range counts {
		err := s.objects.Connects.Delete(bpf.SensorConnectKey{Group: c.Group, Controller: c.Controller, Error: int32(c.Errno)})
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("drop the sensor's counts of connects: %w", err)
		}
	}
	return nil
}
