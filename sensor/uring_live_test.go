package sensor

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

// shared keeps what the kernel reads or writes at a time of its own where it is.
var shared []any

func addressOf[T any](v *T) uint64 {
	shared = append(shared, v)
	return uint64(uintptr(unsafe.Pointer(v)))
}

func path64(s string) uint64 {
	b := append([]byte(s), 0)
	return addressOf(&b[0])
}

// uringCall is an act of one request that ends with errno.
func uringCall(errno unix.Errno, request func() (sqe, error)) func() error {
	return func() error {
		r, err := newRing()
		if err != nil {
			return err
		}
		q, err := request()
		if err != nil {
			return err
		}
		result, err := r.submit(q, q.flags != 0)
		if err != nil {
			return err
		}
		if result < 0 && result != -int32(errno) || result >= 0 && errno != 0 {
			return fmt.Errorf("operation %d ended with %d, want %v", q.opcode, result, errno)
		}
		return nil
	}
}

func just(q sqe) func() (sqe, error) { return func() (sqe, error) { return q, nil } }

const (
	skipSuccess = 1 << 6 // IOSQE_CQE_SKIP_SUCCESS
	at          = int32(unix.AT_FDCWD)
)

// newAt is AT_FDCWD in the len member, which several operations use for their second descriptor.
var newAt = uint32(0xffffff9c)

var uringActs = map[string]func() error{
	"uring openat":          uringCall(ok, func() (sqe, error) { return sqe{opcode: 18, fd: at, addr: path64("file"), opFlags: unix.O_RDONLY}, nil }),
	"uring openat missing":  uringCall(unix.ENOENT, func() (sqe, error) { return sqe{opcode: 18, fd: at, addr: path64("missing")}, nil }),
	"uring openat unheard":  uringCall(ok, func() (sqe, error) { return sqe{opcode: 18, flags: skipSuccess, fd: at, addr: path64("file")}, nil }),
	"uring openat absolute": uringCall(ok, func() (sqe, error) { return sqe{opcode: 18, fd: at, addr: path64("/proc/self/status")}, nil }),
	"uring openat2": uringCall(ok, func() (sqe, error) {
		how := &unix.OpenHow{Flags: unix.O_RDONLY}
		return sqe{opcode: 28, fd: at, addr: path64("link"), len: unix.SizeofOpenHow, off: addressOf(how)}, nil
	}),
	"uring renameat": uringCall(ok, func() (sqe, error) {
		return sqe{opcode: 35, fd: at, addr: path64("file"), len: newAt, off: path64("moved")}, nil
	}),
	"uring unlinkat": uringCall(ok, func() (sqe, error) { return sqe{opcode: 36, fd: at, addr: path64("file")}, nil }),
	"uring mkdirat":  uringCall(ok, func() (sqe, error) { return sqe{opcode: 37, fd: at, addr: path64("made"), len: 0o750}, nil }),
	"uring symlinkat": uringCall(ok, func() (sqe, error) {
		return sqe{opcode: 38, fd: at, addr: path64("/etc/shadow"), off: path64("soft")}, nil
	}),
	"uring linkat": uringCall(ok, func() (sqe, error) {
		return sqe{opcode: 39, fd: at, addr: path64("file"), len: newAt, off: path64("hard")}, nil
	}),
	"uring socket": uringCall(ok, just(sqe{opcode: 45, fd: unix.AF_INET, off: unix.SOCK_STREAM})),
	"uring connect": then(sockets, uringCall(ok, func() (sqe, error) {
		name, err := rawName(40)
		if err != nil {
			return sqe{}, err
		}
		_, err = socketAs(45, unix.SOCK_STREAM)
		return sqe{opcode: 16, fd: 45, addr: addressOf(name), off: unix.SizeofSockaddrInet4}, err
	})),
	"uring connect refused": then(sockets, uringCall(unix.ECONNREFUSED, func() (sqe, error) {
		name, err := rawName(44) // a port of datagrams only
		if err != nil {
			return sqe{}, err
		}
		_, err = socketAs(45, unix.SOCK_STREAM)
		return sqe{opcode: 16, fd: 45, addr: addressOf(name), off: unix.SizeofSockaddrInet4}, err
	})),
	"uring accept": then(sockets, uringCall(ok, func() (sqe, error) {
		name, err := unix.Getsockname(40)
		if err != nil {
			return sqe{}, err
		}
		_, err = socketAs(45, unix.SOCK_STREAM)
		return sqe{opcode: 13, fd: 40}, errors.Join(err, unix.Connect(45, name))
	})),
	"uring send": then(sockets, uringCall(ok, func() (sqe, error) {
		return sqe{opcode: 26, fd: 41, addr: path64("hello"), len: 5}, nil
	})),
	"uring recv": then(sockets, uringCall(ok, func() (sqe, error) {
		buffer := new([100]byte)
		_, err := unix.Write(42, []byte("hello"))
		return sqe{opcode: 27, fd: 41, addr: addressOf(buffer), len: 100}, err
	})),
}

// rawName is a socket's own address as system calls take it.
func rawName(fd int) (*unix.RawSockaddrInet4, error) {
	var a unix.RawSockaddrInet4
	size := uint32(unix.SizeofSockaddrInet4)
	_, err := do(ok, unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&a)), uintptr(unsafe.Pointer(&size)))
	return &a, err
}

// needUring skips where io_uring is switched off or cannot be watched.
func needUring(t *testing.T, l *live) {
	t.Helper()
	if _, err := newRing(); err != nil {
		t.Skipf("no io_uring here: %v", err)
	}
	if l.uring.submit == "" {
		t.Skip("this kernel's io_uring cannot be watched")
	}
}

// byUring are the records of what io_uring did; Go's runtime makes system calls of its own, even after ours.
func byUring(records []record) []record {
	return slices.DeleteFunc(records, func(r record) bool { return r.Flags&uint16(bpf.SensorEventFlagEVENT_IO_URING) == 0 })
}

func TestUringIsReportedLikeSystemCalls(t *testing.T) {
	l := watch(t, nil)
	needUring(t, l)
	cases := map[string]callCase{
		"uring openat":          {pipeline.EventOpenat, ok, []string{"string 1: file", "base 1: DIR", "file: DIR/file"}},
		"uring openat missing":  {pipeline.EventOpenat, unix.ENOENT, []string{"string 1: missing", "base 1: DIR"}},
		"uring openat unheard":  {pipeline.EventOpenat, ok, []string{"string 1: file", "base 1: DIR"}},
		"uring openat absolute": {pipeline.EventOpenat, ok, []string{"string 1: /proc/self/status", "file: /proc/PID/status"}},
		"uring openat2":         {pipeline.EventOpenat2, ok, []string{"string 1: link", "base 1: DIR", "data 2: 24 bytes", "file: DIR/file"}},
		"uring renameat":        {pipeline.EventRenameat, ok, []string{"string 1: file", "base 1: DIR", "string 3: moved", "base 3: DIR"}},
		"uring unlinkat":        {pipeline.EventUnlinkat, ok, []string{"string 1: file", "base 1: DIR"}},
		"uring mkdirat":         {pipeline.EventMkdirat, ok, []string{"string 1: made", "base 1: DIR"}},
		"uring symlinkat":       {pipeline.EventSymlinkat, ok, []string{"string 2: soft", "base 2: DIR", "string 0: /etc/shadow"}},
		"uring linkat":          {pipeline.EventLinkat, ok, []string{"string 1: file", "base 1: DIR", "string 3: hard", "base 3: DIR"}},
		"uring socket":          {pipeline.EventSocket, ok, []string{"sock: family 2 type 1 protocol 6 to 0.0.0.0:0"}},
	}
	checkCalls(t, l, cases)
	for name, c := range cases {
		got := last(t, byUring(l.act(name, sceneDir(t))), c.event)
		unheard := got.Flags&uint16(bpf.SensorEventFlagEVENT_NO_RESULT) != 0
		if unheard != (name == "uring openat unheard") {
			t.Errorf("%s: flags %b, EVENT_NO_RESULT is for a result that nobody hears", name, got.Flags)
		}
	}
}

func TestUringSocketsAreReportedLikeSystemCalls(t *testing.T) {
	l := watch(t, nil)
	needUring(t, l)
	cases := map[string]struct {
		event pipeline.EventType
		fd    uint64
		errno unix.Errno
		kinds []bpf.SensorChunkKind
	}{
		"uring connect":         {pipeline.EventConnect, 45, ok, []bpf.SensorChunkKind{bpf.SensorChunkKindCHUNK_SOCKADDR, bpf.SensorChunkKindCHUNK_SOCK}},
		"uring connect refused": {pipeline.EventConnect, 45, unix.ECONNREFUSED, []bpf.SensorChunkKind{bpf.SensorChunkKindCHUNK_SOCKADDR}},
		"uring accept":          {pipeline.EventAccept4, 40, ok, []bpf.SensorChunkKind{bpf.SensorChunkKindCHUNK_SOCK, bpf.SensorChunkKindCHUNK_SOCK}},
		"uring send":            {pipeline.EventSendto, 41, ok, []bpf.SensorChunkKind{bpf.SensorChunkKindCHUNK_DATA, bpf.SensorChunkKindCHUNK_SOCK}},
		"uring recv":            {pipeline.EventRecvfrom, 41, ok, []bpf.SensorChunkKind{bpf.SensorChunkKindCHUNK_DATA, bpf.SensorChunkKindCHUNK_SOCK}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := last(t, byUring(l.act(name, sceneDir(t))), c.event)
			if got.call.Args[0] != c.fd || got.call.Ret < 0 && got.call.Ret != -int64(c.errno) || got.call.Ret >= 0 && c.errno != ok {
				t.Errorf("descriptor %d result %d, want %d and %v", got.call.Args[0], got.call.Ret, c.fd, c.errno)
			}
			var kinds []bpf.SensorChunkKind
			for _, chunk := range got.chunks {
				kinds = append(kinds, bpf.SensorChunkKind(chunk.Kind))
			}
			if !slices.Equal(kinds, c.kinds) {
				t.Errorf("chunks %v, want %v", kinds, c.kinds)
			}
			if c.errno == ok && got.sides(t)[0].RemotePort == 0 && c.event != pipeline.EventAccept4 {
				t.Errorf("sockets %+v, want the far end", got.sides(t))
			}
			if data, found := got.find(bpf.SensorChunkKindCHUNK_DATA); found && string(data.data) != "hello" {
				t.Errorf("data %q, want hello", data.data)
			}
		})
	}
}
