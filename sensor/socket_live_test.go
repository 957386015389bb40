package sensor

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/bpf"
	"github.com/tocsin-security/tocsin/pipeline"
)

// sockets makes a listening TCP socket 40 and a connection to it, 41, and accepts it as 42; 43 is a
// datagram socket bound to the port of 40, 44 one that sends to it.
func sockets() error {
	listener, err := socketAs(40, unix.SOCK_STREAM)
	if err != nil {
		return err
	}
	err = errors.Join(unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(listener, 5))
	if err != nil {
		return err
	}
	name, err := unix.Getsockname(listener)
	if err != nil {
		return err
	}
	if _, err = socketAs(41, unix.SOCK_STREAM); err != nil {
		return err
	}
	if err := unix.Connect(41, name); err != nil {
		return err
	}
	// Without the address: where it goes to must come from the kernel's own socket.
	accepted, err := do(ok, unix.SYS_ACCEPT4, 40, 0, 0, unix.SOCK_CLOEXEC)
	if err != nil {
		return err
	}
	if err := unix.Dup3(int(accepted), 42, 0); err != nil {
		return err
	}
	if _, err = socketAs(43, unix.SOCK_DGRAM); err != nil {
		return err
	}
	_, err = socketAs(44, unix.SOCK_DGRAM)
	return errors.Join(err, unix.Bind(43, name), unix.Bind(44, &unix.SockaddrInet4{Port: 0, Addr: [4]byte{127, 0, 0, 1}}))
}

func socketAs(fd, kind int) (int, error) {
	s, err := unix.Socket(unix.AF_INET, kind, 0)
	if err != nil {
		return 0, err
	}
	return fd, unix.Dup3(s, fd, 0)
}

// datagram sends one from 44 to 43.
func datagram() error {
	name, err := unix.Getsockname(43)
	if err != nil {
		return err
	}
	return unix.Sendto(44, []byte("datagram"), 0, name)
}

var socketActs = map[string]func() error{
	"socket":     call(ok, unix.SYS_SOCKET, unix.AF_PACKET, unix.SOCK_RAW, 0),
	"socketpair": func() error { _, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0); return err },
	"sockets":    sockets,
	"send":       then(sockets, func() error { return unix.Sendto(41, []byte("hello"), 0, nil) }),
	"sendto":     then(sockets, datagram),
	"recvfrom": then(sockets, datagram, func() error {
		_, _, err := unix.Recvfrom(43, make([]byte, 100), 0)
		return err
	}),
	"recvfrom of nothing": then(sockets, func() error {
		_, _, err := unix.Recvfrom(43, make([]byte, 100), unix.MSG_DONTWAIT)
		if err != unix.EAGAIN {
			return errors.New("there was something")
		}
		return nil
	}),
	"sendmsg": then(sockets, func() error {
		name, err := unix.Getsockname(43)
		return errors.Join(err, unix.Sendmsg(44, []byte(strings.Repeat("x", 200)), nil, name, 0))
	}),
	"recvmsg": then(sockets, datagram, func() error {
		_, _, _, _, err := unix.Recvmsg(43, make([]byte, 100), nil, 0)
		return err
	}),
	"abstract": func() error {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
		return errors.Join(err, unix.Bind(fd, &unix.SockaddrUnix{Name: "@tocsin-test"}))
	},
}

// sides returns the socket chunks of a record by the number of the argument, or CHUNK_OF_RESULT.
func (r record) sides(t *testing.T) map[uint8]bpf.SensorSockInfo {
	t.Helper()
	all := make(map[uint8]bpf.SensorSockInfo)
	for _, c := range r.chunks {
		if bpf.SensorChunkKind(c.Kind) == bpf.SensorChunkKindCHUNK_SOCK {
			all[c.Index], _ = c.sock(t)
		}
	}
	return all
}

func TestSocketsAreReported(t *testing.T) {
	l := watch(t, nil)
	checkCalls(t, l, map[string]callCase{
		"socket":     {pipeline.EventSocket, ok, []string{"sock: family 17 type 3 protocol 0 to [::]:0"}},
		"socketpair": {pipeline.EventSocketpair, ok, []string{"data 3: 8 bytes", `sock: family 1 type 1 protocol 0 "" to ""`, `sock: family 1 type 1 protocol 0 "" to ""`}},
		"abstract":   {pipeline.EventBind, ok, []string{"sockaddr 1: 01 00 00" + hex("tocsin-test"), `sock: family 1 type 2 protocol 0 "\x00tocsin-test" to ""`}},
	})
	t.Run("accept gives both the listening socket and the new one", func(t *testing.T) {
		sides := last(t, l.act("sockets", sceneDir(t)), pipeline.EventAccept4).sides(t)
		listening, accepted := sides[0], sides[ofResult]
		if listening.Fd != 40 || listening.LocalPort == 0 || listening.RemotePort != 0 || listening.MaxBacklog != 5 {
			t.Errorf("listening socket %+v, want descriptor 40 with a local port and room for 5", listening)
		}
		if accepted.LocalPort != listening.LocalPort || accepted.RemotePort == 0 || accepted.Remote[0] != 127 {
			t.Errorf("accepted socket %+v, want both ends of a connection to port %d", accepted, listening.LocalPort)
		}
	})
	t.Run("listen gives the address", func(t *testing.T) {
		side := last(t, l.act("sockets", sceneDir(t)), pipeline.EventListen).sides(t)[0]
		if side.LocalPort == 0 || side.Local[0] != 127 {
			t.Errorf("listening socket %+v, want its address", side)
		}
	})
}

// ofResult is CHUNK_OF_RESULT of bpf/event.h.
const ofResult = 0xff

func hex(text string) (line string) {
	const digits = "0123456789abcdef"
	for _, b := range []byte(text) {
		line += " " + string(digits[b>>4]) + string(digits[b&15])
	}
	return line
}

func TestTransfersCarryAddressAndData(t *testing.T) {
	l := watch(t, nil)
	cases := map[string]struct {
		event   pipeline.EventType
		address bool
		data    string
	}{
		"send":     {pipeline.EventSendto, false, "hello"},
		"sendto":   {pipeline.EventSendto, true, "datagram"},
		"recvfrom": {pipeline.EventRecvfrom, true, "datagram"},
		"sendmsg":  {pipeline.EventSendmsg, true, strings.Repeat("x", 80)},
		"recvmsg":  {pipeline.EventRecvmsg, true, "datagram"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := last(t, l.act(name, sceneDir(t)), c.event)
			address, found := got.find(bpf.SensorChunkKindCHUNK_SOCKADDR)
			if found != c.address || found && !bytes.Equal(address.data[4:8], []byte{127, 0, 0, 1}) {
				t.Errorf("address % x, want one: %v", address.data, c.address)
			}
			if data, _ := got.find(bpf.SensorChunkKindCHUNK_DATA); string(data.data) != c.data {
				t.Errorf("data %q, want %q", data.data, c.data)
			}
			if side := got.sides(t)[0]; side.LocalPort == 0 {
				t.Errorf("socket %+v, want its local port", side)
			}
		})
	}
	t.Run("a receive that found nothing is not reported", func(t *testing.T) {
		for _, r := range l.act("recvfrom of nothing", sceneDir(t)) {
			if r.is(pipeline.EventRecvfrom) {
				t.Errorf("reported with result %d", r.call.Ret)
			}
		}
	})
}
