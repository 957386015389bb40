package sensor

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

// initialPIDNamespace is what /proc/self/ns/pid links to outside any pid namespace: PROC_PID_INIT_INO.
const initialPIDNamespace = "pid:[4026531836]"

// Sensor is the loaded and attached kernel side. Its methods are safe for concurrent use, except
// that only one Run may be under way.
type Sensor struct {
	objects bpf.SensorObjects
	links   []link.Link
	uring   uring
	reader  *ringbuf.Reader

	counting Counting
	hasEnds  bool // the kernel has connectState

	mu          sync.Mutex // guards connectEnds
	connectEnds link.Link  // nil until connects are counted for the first time
}

// Open loads the kernel side and attaches it. Events queue in the ring from then on; read them with
// Run. Exec, fork and exit are always reported; want names the system calls to report, nil all of
// Syscalls.
func Open(cfg Config, want []pipeline.EventType, log *slog.Logger) (*Sensor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("sensor: %w", err)
	}
	if err := Check(); err != nil {
		return nil, err
	}
	self := ownTGID()
	if self == 0 {
		log.Warn("own process number is unknown in a pid namespace: the sensor reports its own system calls too")
	}
	s, err := load(uint32(cfg.RingBuffer), self)
	if err != nil {
		return nil, err
	}
	s.counting = cfg.ConnectionMetrics
	if err := errors.Join(s.startConnects(log), s.start(want)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if s.uring.submit == "" {
		log.Warn("this kernel's io_uring cannot be watched: what it does is not reported")
	}
	log.Info("sensor attached", "ring_buffer", int64(cfg.RingBuffer), "programs", len(s.links))
	return s, nil
}

// ownTGID returns this process's number as the kernel side sees it. Inside a pid namespace that is
// not the number we know, and could be another process's: then nothing is left out.
func ownTGID() uint32 {
	if ns, err := os.Readlink("/proc/self/ns/pid"); err != nil || ns != initialPIDNamespace {
		return 0
	}
	return uint32(os.Getpid())
}

// load brings programs and maps into the kernel, attached to nothing.
func load(ring, self uint32) (*Sensor, error) {
	spec, kernel, err := prepare(ring, self)
	if err != nil {
		return nil, err
	}
	s := &Sensor{uring: kernel.uring, hasEnds: kernel.hasEnds}
	if err := spec.LoadAndAssign(&s.objects, nil); err != nil {
		return nil, fmt.Errorf("load the sensor into the kernel: %w", err)
	}
	return s, nil
}

// kernelHas is what the running kernel has of what not every kernel has.
type kernelHas struct {
	uring   uring
	hasEnds bool // connectState
}

// prepare fits the embedded object to this machine.
func prepare(ring, self uint32) (spec *ebpf.CollectionSpec, has kernelHas, err error) {
	// Before 5.11 the memory of maps counts against RLIMIT_MEMLOCK.
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, has, fmt.Errorf("raise the locked memory limit for the sensor: %w", err)
	}
	if spec, err = bpf.LoadSensor(); err != nil {
		return nil, has, fmt.Errorf("read the sensor's embedded object: %w", err)
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, has, fmt.Errorf("count the CPUs the sensor may run on: %w", err)
	}
	spec.Maps[bpf.SensorMapScratches].MaxEntries = uint32(cpus)
	spec.Maps[bpf.SensorMapEvents].MaxEntries = ring
	if err := spec.Variables[bpf.SensorVarSelfTgid].Set(self); err != nil {
		return nil, has, fmt.Errorf("tell the sensor its own process: %w", err)
	}
	if err := prepareShedding(spec, ring, cpus); err != nil {
		return nil, has, err
	}
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return nil, has, fmt.Errorf("read the kernel's types: %w", err)
	}
	if has.uring, err = findUring(kernel); err != nil {
		return nil, has, fmt.Errorf("find what the sensor can see of io_uring: %w", err)
	}
	if err := has.uring.prepare(spec); err != nil {
		return nil, has, err
	}
	if has.hasEnds, err = prepareConnects(kernel, spec); err != nil {
		return nil, has, fmt.Errorf("find what the sensor can see of connects: %w", err)
	}
	return spec, has, nil
}

// start fills the tables, opens the ring and attaches. Exit comes first and fork before exec, so that
// no process is seen to begin whose end would be missed.
func (s *Sensor) start(want []pipeline.EventType) error {
	for row, spec := range rows() {
		if err := s.objects.SyscallSpecs.Put(row, spec); err != nil {
			return fmt.Errorf("fill row %d of the sensor's system call table: %w", row, err)
		}
	}
	if err := s.SetWanted(want); err != nil {
		return err
	}
	var err error
	if s.reader, err = ringbuf.NewReader(s.objects.Events); err != nil {
		return fmt.Errorf("open the sensor's ring buffer: %w", err)
	}
	o := &s.objects
	programs := []*ebpf.Program{o.SchedProcessExit, o.SchedProcessFork, o.SchedProcessExec, o.SysExit}
	for _, program := range append(programs, s.uring.attachable(&o.SensorPrograms)...) {
		l, err := link.AttachTracing(link.TracingOptions{Program: program})
		if err != nil {
			return fmt.Errorf("attach the sensor's program %s: %w", program, err)
		}
		s.links = append(s.links, l)
	}
	return nil
}

// SetWanted changes which system calls are reported; nil means all of Syscalls. Names that the
// sensor does not cover are ignored: Syscalls says which it does.
func (s *Sensor) SetWanted(want []pipeline.EventType) error {
	want, err := s.countConnects(want)
	if err != nil {
		return err
	}
	if err := s.objects.Wanted.Set(bitmap(want)); err != nil {
		return fmt.Errorf("set the system calls the sensor reports: %w", err)
	}
	if err := s.objects.UringEvents.Set(uringTable(want)); err != nil {
		return fmt.Errorf("set the io_uring operations the sensor reports: %w", err)
	}
	return nil
}

// Close detaches and unloads everything. It ends a Run under way.
func (s *Sensor) Close() error {
	var errs []error
	for _, l := range s.links {
		errs = append(errs, l.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.connectEnds != nil {
		errs = append(errs, s.connectEnds.Close())
	}
	if s.reader != nil {
		errs = append(errs, s.reader.Close())
	}
	errs = append(errs, s.objects.Close())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the sensor: %w", err)
	}
	return nil
}
