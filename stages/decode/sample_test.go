package decode

import (
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

const testOffset = 1_000_000_000_000

// piece is a chunk of a sample under construction.
type piece struct {
	kind         uint16
	index, flags uint8
	data         []byte
}

// build lays out a record as the kernel side does: fixed part, chunks padded to 8 bytes, sizes filled in.
func build[T any](fixed T, header func(*T) *eventHeader, pieces []piece) pipeline.Sample {
	h := header(&fixed)
	h.Chunks = uint16(len(pieces))
	h.Size = uint32(unsafe.Sizeof(fixed))
	for _, p := range pieces {
		h.Size += uint32(unsafe.Sizeof(chunkHeader{})) + uint32(len(p.data)+7)&^7
	}
	s := slices.Clone(bytesOf(&fixed))
	for _, p := range pieces {
		c := chunkHeader{Kind: p.kind, Index: p.index, Flags: p.flags, Len: uint32(len(p.data))}
		s = append(s, bytesOf(&c)...)
		s = append(s, p.data...)
		s = append(s, make([]byte, (8-len(p.data)%8)%8)...)
	}
	return s
}

func bytesOf[T any](v *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}

// call is a system call of process 100, which started at 5 s.
func call(typ pipeline.EventType, ret int64, args [6]uint64, pieces ...piece) pipeline.Sample {
	ev := syscallEvent{Header: header(100, typ), Ret: ret, Args: args}
	return build(ev, func(e *syscallEvent) *eventHeader { return &e.Header }, pieces)
}

func header(pid uint32, typ pipeline.EventType) eventHeader {
	return eventHeader{Time: 10e9, Start: 5e9, Pid: pid, Tid: pid, Type: uint16(typ), Uid: 1000}
}

func task(h eventHeader, info bpf.SensorTaskInfo, pieces ...piece) pipeline.Sample {
	return build(taskEvent{Header: h, Task: info}, func(e *taskEvent) *eventHeader { return &e.Header }, pieces)
}

// forked is the fork of a process, execed its exec, exited its exit; at is in seconds, and every process
// starts at its pid in seconds.
func forked(pid, ppid uint32, comm string, at float64, pieces ...piece) pipeline.Sample {
	return task(timed(pid, pipeline.EventClone, at), info(pid, ppid, comm), pieces...)
}

func execed(pid, ppid uint32, comm string, at float64, pieces ...piece) pipeline.Sample {
	return task(timed(pid, pipeline.EventExecve, at), info(pid, ppid, comm), pieces...)
}

func exited(pid, reaper uint32, at float64) pipeline.Sample {
	ev := exitEvent{Header: timed(pid, pipeline.EventExit, at), Code: 1 << 8, Reaper: reaper}
	return build(ev, func(e *exitEvent) *eventHeader { return &e.Header }, nil)
}

func timed(pid uint32, typ pipeline.EventType, at float64) eventHeader {
	h := header(pid, typ)
	h.Time, h.Start, h.Uid = uint64(at*1e9), uint64(pid)*1e9, 0
	return h
}

func info(pid, ppid uint32, comm string) bpf.SensorTaskInfo {
	t := bpf.SensorTaskInfo{Ppid: ppid, Creator: ppid, Vpid: pid, Vtid: pid, Pgid: pid, PidNs: initPidNS, Loginuid: pipeline.UnsetUID}
	for i := range comm {
		t.Comm[i] = int8(comm[i])
	}
	return t
}

func str(index uint8, s string) piece { return piece{kind: kindString, index: index, data: []byte(s)} }

func path(kind uint16, index uint8, p string) piece {
	return piece{kind: kind, index: index, data: components(p)}
}

// file is the CHUNK_FILE of a regular file.
func file(p string) piece {
	return fileOf(fileInfo{Ino: 77, Dev: 8 << 20, Mode: 0o100644}, 0, components(p))
}

func fileOf(f fileInfo, flags uint8, names []byte) piece {
	return piece{kind: kindFile, index: ofResult, flags: flags, data: append(slices.Clone(bytesOf(&f)), names...)}
}

// components is the wire form of a path: leaf first.
func components(p string) []byte {
	names := strings.Split(strings.Trim(p, "/"), "/")
	slices.Reverse(names)
	if p == "/" {
		return nil
	}
	return []byte(strings.Join(names, "\x00") + "\x00")
}

// newDecoder has no /proc and knows init and process 100, a shell in /home/u.
func newDecoder(t testing.TB) *Decoder {
	t.Helper()
	d := New(Config{}, "host-a", testOffset)
	decode(t, d, forked(1, 0, "init", 1))
	h := header(100, pipeline.EventExecve)
	decode(t, d, task(h, info(100, 1, "sh"), argv("sh", "-c", "true"), path(kindCwd, 0, "/home/u")))
	return d
}

func argv(args ...string) piece {
	return piece{kind: kindArgv, data: []byte(strings.Join(args, "\x00") + "\x00")}
}

// decode decodes a sample that must be an event, or else a fork, which only changes the table.
func decode(t testing.TB, d *Decoder, s pipeline.Sample) *pipeline.Event {
	t.Helper()
	ev := &pipeline.Event{}
	isEvent := view[eventHeader](s).Type != uint16(pipeline.EventClone)
	if ok, err := d.Decode(s, ev); err != nil || ok != isEvent {
		t.Fatalf("Decode = %v, %v; want %v", ok, err, isEvent)
	}
	return ev
}
