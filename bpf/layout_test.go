package bpf

import (
	"reflect"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// wire holds every struct that crosses from the kernel or to it, by its name in event.h.
var wire = map[string]reflect.Type{
	"event_header":  reflect.TypeFor[SensorEventHeader](),
	"syscall_event": reflect.TypeFor[SensorSyscallEvent](),
	"task_info":     reflect.TypeFor[SensorTaskInfo](),
	"task_event":    reflect.TypeFor[SensorTaskEvent](),
	"exit_event":    reflect.TypeFor[SensorExitEvent](),
	"chunk_header":  reflect.TypeFor[SensorChunkHeader](),
	"file_info":     reflect.TypeFor[SensorFileInfo](),
	"sock_info":     reflect.TypeFor[SensorSockInfo](),
	"cred_info":     reflect.TypeFor[SensorCredInfo](),
	"connect_key":   reflect.TypeFor[SensorConnectKey](),
	"syscall_spec":  reflect.TypeFor[SensorSyscallSpec](),
}

// layout returns the kernel's view of a struct.
func layout(t *testing.T, name string) *btf.Struct {
	t.Helper()
	spec, err := LoadSensor()
	if err != nil {
		t.Fatal(err)
	}
	var s *btf.Struct
	if err := spec.Types.TypeByName(name, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestGoStructsHaveTheKernelsOffsets(t *testing.T) {
	for name, goType := range wire {
		t.Run(name, func(t *testing.T) {
			c := layout(t, name)
			if uintptr(c.Size) != goType.Size() {
				t.Errorf("size is %d bytes in C and %d in Go", c.Size, goType.Size())
			}
			var fields []reflect.StructField
			for i := range goType.NumField() {
				if f := goType.Field(i); f.Name != "_" { // structs.HostLayout
					fields = append(fields, f)
				}
			}
			if len(fields) != len(c.Members) {
				t.Fatalf("%d members in C, %d fields in Go", len(c.Members), len(fields))
			}
			for i, m := range c.Members {
				size, err := btf.Sizeof(m.Type)
				if err != nil {
					t.Fatal(err)
				}
				if f := fields[i]; uintptr(m.Offset.Bytes()) != f.Offset || uintptr(size) != f.Type.Size() {
					t.Errorf("%s is %d bytes at %d in C, %s is %d at %d in Go", m.Name, size, m.Offset.Bytes(), f.Name, f.Type.Size(), f.Offset)
				}
			}
		})
	}
}

// A hole would carry kernel memory to user space and differ between compilers.
func TestRecordsHaveNoHoles(t *testing.T) {
	for name := range wire {
		if name == "syscall_spec" {
			continue // to the kernel, never from it
		}
		t.Run(name, func(t *testing.T) {
			c, end := layout(t, name), uint32(0)
			for _, m := range c.Members {
				if at := m.Offset.Bytes(); at != end {
					t.Errorf("hole before %s: %d to %d", m.Name, end, at)
				}
				size, err := btf.Sizeof(m.Type)
				if err != nil {
					t.Fatal(err)
				}
				end = m.Offset.Bytes() + uint32(size)
			}
			if end != c.Size || c.Size%8 != 0 {
				t.Errorf("members end at %d of %d bytes; want no tail and a multiple of 8", end, c.Size)
			}
		})
	}
}
