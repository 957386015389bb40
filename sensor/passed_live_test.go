package sensor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// passedActs receive from descriptor 3, which the test has put a message with descriptors into. Calls of
// several messages are made as they are: there is no wrapper.
var passedActs = map[string]func() error{
	"receive descriptors": func() error {
		if err := unix.SetsockoptInt(3, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil { // another control message before
			return err
		}
		_, _, _, _, err := unix.Recvmsg(3, make([]byte, 16), make([]byte, 256), 0)
		return err
	},
	"receive descriptors by a ring": func() error {
		r, err := newRing()
		if err != nil {
			return err
		}
		messages, _ := batch(1, 256)
		const recvmsg = 10
		if n, err := r.submit(sqe{opcode: recvmsg, fd: 3, addr: addressOf(&messages[0].Msghdr), len: 1}, false); err != nil || n != 5 {
			return fmt.Errorf("received %d bytes: %w", n, err)
		}
		return nil
	},
	"receive several messages": func() error {
		messages, _ := batch(2, 256)
		_, err := do(ok, unix.SYS_RECVMMSG, 3, uintptr(unsafe.Pointer(&messages[0])), 2, unix.MSG_DONTWAIT, 0)
		return err
	},
	"send several messages": then(sockets, func() error {
		name, err := unix.Getsockname(43)
		if err != nil {
			return err
		}
		in4, isIn4 := name.(*unix.SockaddrInet4)
		if !isIn4 {
			return errors.New("not an IPv4 socket")
		}
		address := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: in4.Addr}
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&address.Port))[:], uint16(in4.Port))
		messages, data := batch(2, 0)
		copy(data[0], "datagram")
		for i := range messages {
			messages[i].Name, messages[i].Namelen = (*byte)(unsafe.Pointer(&address)), unix.SizeofSockaddrInet4
		}
		messages[0].Iov.SetLen(8)
		_, err = do(ok, unix.SYS_SENDMMSG, 44, uintptr(unsafe.Pointer(&messages[0])), 2, 0)
		return err
	}),
}

// mmsghdr is struct mmsghdr.
type mmsghdr struct {
	unix.Msghdr
	moved uint32
	_     uint32
}

// batch is n messages with 16 bytes of data each and room for control data.
func batch(n, control int) (messages []mmsghdr, data [][]byte) {
	messages = make([]mmsghdr, n)
	for i := range messages {
		buffer := make([]byte, 16)
		iov := &unix.Iovec{Base: &buffer[0]}
		iov.SetLen(len(buffer))
		messages[i].Iov = iov
		messages[i].SetIovlen(1)
		if control > 0 {
			messages[i].Control = &make([]byte, control)[0]
			messages[i].SetControllen(control)
		}
		data = append(data, buffer)
	}
	return messages, data
}

// A process that opened nothing gets a file all the same: whoever hands it a descriptor opened it.
func TestPassedDescriptorsAreReported(t *testing.T) {
	l := watch(t, nil)
	for name, c := range map[string]struct {
		event pipeline.EventType
		sent  [][]string // files, by message; "" is a socket
		want  []string
	}{
		"receive descriptors": {pipeline.EventRecvmsg, [][]string{{"file", "", "sub/inner"}},
			[]string{"passed 0: DIR/file", `passed 1: sock: family 1 type 2 protocol 0 "" to ""`, "passed 2: DIR/sub/inner"}},
		"receive descriptors by a ring": {pipeline.EventRecvmsg, [][]string{{"file"}}, []string{"passed 0: DIR/file"}},
		"receive several messages": {pipeline.EventRecvmmsg, [][]string{{"sub/inner"}, {"file", "file", "file", "file"}},
			[]string{"passed 0: DIR/sub/inner", "passed 1: DIR/file", "passed 2: DIR/file", "passed 3: DIR/file"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := sceneDir(t)
			near, far := packetPair(t)
			for _, files := range c.sent {
				sendDescriptors(t, near, dir, files)
			}
			got := last(t, l.act(name, dir, func(cmd *exec.Cmd) { cmd.ExtraFiles = []*os.File{far} }), c.event)
			lines := slices.DeleteFunc(got.summary(t), func(line string) bool { return len(line) < 6 || line[:6] != "passed" })
			if diff := cmp.Diff(callCase{want: c.want}.lines(got, dir), lines); diff != "" {
				t.Errorf("descriptors differ (-want +got):\n%s\n%q", diff, got.summary(t))
			}
		})
	}
}

func packetPair(t *testing.T) (near, far *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0)
	if err != nil {
		t.Fatal(err)
	}
	near, far = os.NewFile(uintptr(fds[0]), "near"), os.NewFile(uintptr(fds[1]), "far")
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// sendDescriptors sends a message of five bytes with files of dir.
func sendDescriptors(t *testing.T, to *os.File, dir string, files []string) {
	t.Helper()
	var fds []int
	for _, name := range files {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
		if name != "" {
			unix.Close(fd)
			fd, err = unix.Open(dir+"/"+name, unix.O_RDONLY, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		fds = append(fds, fd)
	}
	if err := unix.Sendmsg(int(to.Fd()), []byte("hello"), unix.UnixRights(fds...), nil, 0); err != nil {
		t.Fatal(err)
	}
}

func TestSeveralMessagesAreReportedByTheFirst(t *testing.T) {
	l := watch(t, nil)
	t.Run("sent", func(t *testing.T) {
		got := last(t, l.act("send several messages", sceneDir(t)), pipeline.EventSendmmsg)
		port := got.sides(t)[0].LocalPort
		if got.call.Ret != 2 || port == 0 {
			t.Errorf("%d messages from port %d, want 2 from one", got.call.Ret, port)
		}
		for i, want := range []string{"sockaddr 1: 02 00", "data 1: 8 bytes"} {
			if line := transferLines(got.summary(t))[i]; line[:min(len(line), len(want))] != want {
				t.Errorf("line %d is %q, want %q", i, line, want)
			}
		}
		if !slices.Contains(got.summary(t), "moved: 8") {
			t.Errorf("%q lacks the size of the first message", got.summary(t))
		}
	})
	t.Run("received", func(t *testing.T) {
		dir := sceneDir(t)
		near, far := packetPair(t)
		sendDescriptors(t, near, dir, []string{"file"})
		got := last(t, l.act("receive several messages", dir, func(cmd *exec.Cmd) { cmd.ExtraFiles = []*os.File{far} }), pipeline.EventRecvmmsg)
		want := []string{"moved: 5", "data 1: 5 bytes", `sock: family 1 type 5 protocol 0 "" to ""`, "passed 0: " + dir + "/file"}
		if diff := cmp.Diff(want, got.summary(t)); diff != "" || got.call.Ret != 1 {
			t.Errorf("%d messages, chunks differ (-want +got):\n%s", got.call.Ret, diff)
		}
	})
}

// transferLines are the lines that tell of addresses and data.
func transferLines(lines []string) (own []string) {
	for _, line := range lines {
		if line[:min(len(line), 8)] == "sockaddr" || line[:min(len(line), 6)] == "data 1" {
			own = append(own, line)
		}
	}
	return own
}
