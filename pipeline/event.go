package pipeline

import (
	"net/netip"
	"time"
)

// Sample is one raw record as the sensor read it: bpf/event.h. It is valid until the next read.
type Sample []byte

// EventFlags say how an Event was seen.
type EventFlags uint16

// Flags of an Event.
const (
	FlagCompat     EventFlags = 1 << iota // a 32-bit system call
	FlagTruncated                         // some string was cut or could not be read
	FlagIOUring                           // done by io_uring, not by a system call instruction
	FlagUserMemory                        // Path or Address come from the caller's memory, not from a kernel object
)

// Event is one decoded occurrence: what happened, who did it, to what. It is reused from one decode
// to the next; whoever keeps anything of it copies it.
type Event struct {
	Type   EventType
	Flags  EventFlags
	CPU    uint16
	TID    int32
	Source string // "syscall", or the intake's source name
	Num    uint64 // counts events since start, from 1
	Time   int64  // ns since the epoch
	Since  int64  // ns since the first event
	Gap    int64  // ns since the event before

	Ret    int64 // system call result, -errno on failure
	HasRet bool  // false for events without a result (clone, procexit)
	Args   [6]uint64

	Proc *Process // never nil: an unknown process is a placeholder with Known false
	FD   FD       // the descriptor the event works on; FD.Kind FDNone when it has none

	Pair   [2]int32 // pipe: the descriptors it made, the one to read from first
	Passed []FD     // descriptors that came with a message: the first four
	Moved  int64    // sendmmsg, recvmmsg: bytes of the first message; the result counts messages
	Mounts Mounts   // where the host has the file systems; nil: not known
	Places Places   // where addresses are; nil: not known

	Path  [2]Path        // the event's path arguments in order: rename has two
	Str   string         // a plain string argument: mount's file system type, symlink's target
	Data  string         // the first bytes of what was sent or received
	Flag  uint64         // open flags in the kernel's O_* encoding, or the call's flags argument
	Mode  uint32         // mode argument of open, chmod, mkdir
	Exe   string         // execve: the file name as passed
	Host  string         // host name
	Extra map[string]any // structured payload of a JSON event, fields of one made for a test, else nil
}

// Path is one path argument.
type Path struct {
	Raw  string // as the caller passed it
	Name string // absolute: resolved by the kernel when the call succeeded and has a file, else base + Raw, lexically cleaned
	Set  bool
}

// FDKind is what a descriptor refers to.
type FDKind uint8

// Kinds of descriptor; Type and TypeChar in the rule language follow from them.
const (
	FDNone    FDKind = iota // the event has no descriptor
	FDUnknown               // there is one, its object is not known
	FDFile
	FDDirectory
	FDIPv4
	FDIPv6
	FDUnix
	FDPipe
	FDMemfd
	FDOther
	FDBpf
	FDEvent
	FDEpoll
	FDInotify
	FDIoUring
	FDNetlink
	FDPidfd
	FDSignal
	FDTimer
	FDUserfault
)

// FD is the descriptor an event creates or uses.
type FD struct {
	Kind   FDKind
	Num    int64  // -1 for a failed open
	Name   string // file: absolute path; socket: see the rule language's fd.name
	Raw    string // path as passed
	Proto  uint8  // IPPROTO_* of a socket
	Client netip.AddrPort
	Server netip.AddrPort
	Remote netip.AddrPort // the far end: Server for a connecting process, Client for an accepting one
	Local  netip.AddrPort
	// Located says that it is known where in its file system a file is: the last InMount bytes of Name lie in
	// its own mount, and Subtree above them, up to the root of the file system: names from the leaf up, each
	// ending in NUL.
	Located bool
	InMount int32
	Subtree string
	Ino     uint64
	Dev     uint32
	Mode    uint32 // inode mode
	// Created says that the call made the file (FMODE_CREATED).
	Created bool
	// Upper and Lower say in which layer of an overlay the file is; neither when it is on none.
	Upper, Lower bool
	// Changed says that the call gave the descriptor another name: opened a file, bound or connected a socket.
	Changed bool
	// Connected says that a socket has, or is about to have, a peer.
	Connected bool
}

// Failed reports whether the event is a system call that returned an error.
func (e *Event) Failed() bool { return e.HasRet && e.Ret < 0 }

// Intervals tells events how long after the first one, and after the one before, they happened. The zero
// value waits for the first.
type Intervals struct{ first, last int64 }

// Tick sets the intervals of the next event. CPUs report out of order: no event is before the one before it.
func (i *Intervals) Tick(ev *Event) {
	if i.first == 0 {
		i.first, i.last = ev.Time, ev.Time
	}
	ev.Since, ev.Gap = max(ev.Time-i.first, 0), max(ev.Time-i.last, 0)
	i.last = ev.Time
}

// At is the event's time.
func (e *Event) At() time.Time { return time.Unix(0, e.Time) }
