package decode

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// at gives a piece the index of another argument or descriptor.
func at(index uint8, p piece) piece {
	p.index = index
	return p
}

func TestDescriptorsThatCameWithAMessage(t *testing.T) {
	none := netip.AddrPort{}
	d := newDecoder(t)
	ev := decode(t, d, call(pipeline.EventRecvmsg, 5, [6]uint64{3},
		at(0, sock(unix.AF_UNIX, 0, none, none)),
		at(ofPassed, fileOf(fileInfo{Mode: 0o100600, Fd: 8}, 0, components("/etc/shadow"))),
		at(ofPassed+1, sock(unix.AF_INET, 6, netip.MustParseAddrPort("10.0.0.1:4242"), netip.MustParseAddrPort("10.0.0.9:443")))))
	type passed struct {
		Kind pipeline.FDKind
		Num  int64
		Name string
	}
	var got []passed
	for _, fd := range ev.Passed {
		got = append(got, passed{fd.Kind, fd.Num, fd.Name})
	}
	want := []passed{{pipeline.FDFile, 8, "/etc/shadow"}, {pipeline.FDIPv4, 3, "10.0.0.1:4242->10.0.0.9:443"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("passed descriptors (-want +got):\n%s", diff)
	}
	if ev.FD.Kind != pipeline.FDUnix || ev.FD.Num != 3 {
		t.Errorf("the event's own descriptor is %d of kind %d, want 3, a unix socket", ev.FD.Num, ev.FD.Kind)
	}
	if ev := decode(t, d, call(pipeline.EventRecvmsg, 5, [6]uint64{3}, at(0, sock(unix.AF_UNIX, 0, none, none)))); len(ev.Passed) != 0 {
		t.Errorf("the next message has %d descriptors, want none", len(ev.Passed))
	}
}

// A passed file does not stand in for a socket that could not be read.
func TestAPassedDescriptorIsNotTheEventsOwn(t *testing.T) {
	ev := decode(t, newDecoder(t), call(pipeline.EventRecvmsg, 5, [6]uint64{3}, at(ofPassed, file("/etc/shadow"))))
	if ev.FD.Kind != pipeline.FDUnknown || ev.FD.Name != "" {
		t.Errorf("the socket is %q of kind %d, want unknown", ev.FD.Name, ev.FD.Kind)
	}
}

func TestNewDescriptors(t *testing.T) {
	pipe := fileOf(fileInfo{Mode: unix.S_IFIFO | 0o600, Ino: 9}, chunkNoPath, []byte("\x00"))
	fds := binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, 6), 7)
	for name, c := range map[string]struct {
		sample pipeline.Sample
		want   pipeline.FD
		pair   [2]int32
		moved  int64
	}{
		"a pipe is known by the end to read from": {
			sample: call(pipeline.EventPipe2, 0, [6]uint64{}, piece{kind: kindData, data: fds}, at(0, pipe)),
			want:   pipeline.FD{Kind: pipeline.FDPipe, Num: 6, Ino: 9, Mode: unix.S_IFIFO | 0o600}, pair: [2]int32{6, 7},
		},
		"a pipe that was not made has no descriptor": {
			sample: call(pipeline.EventPipe, -int64(unix.EMFILE), [6]uint64{}),
			want:   pipeline.FD{Kind: pipeline.FDUnknown, Num: -1},
		},
		"a pidfd has the name of its process": {
			sample: call(pipeline.EventPidfdOpen, 9, [6]uint64{42}, fileOf(fileInfo{Mode: 0o100600, Magic: pidfsMagic}, chunkNoPath, []byte("/\x00"))),
			want:   pipeline.FD{Kind: pipeline.FDPidfd, Num: 9, Name: "/proc/42", Mode: 0o100600},
		},
		"a pidfd is one wherever it is used": {
			sample: call(pipeline.EventPidfdSendSignal, 0, [6]uint64{9}, fileOf(fileInfo{Mode: 0o100600, Magic: pidfsMagic}, chunkNoPath, []byte("/\x00"))),
			want:   pipeline.FD{Kind: pipeline.FDPidfd, Num: 9, Mode: 0o100600},
		},
		"a descriptor of another process is what it is there": {
			sample: call(pipeline.EventPidfdGetfd, 9, [6]uint64{3, 5}, file("/etc/shadow")),
			want:   pipeline.FD{Kind: pipeline.FDFile, Num: 9, Name: "/etc/shadow", Raw: "/etc/shadow", Ino: 77, Dev: 8 << 20, Mode: 0o100644},
		},
		"fspick makes no descriptor of the file": {
			sample: call(pipeline.EventFspick, 9, [6]uint64{cwdFD}, str(1, "/mnt"), fileOf(fileInfo{Mode: 0o100600}, chunkNoPath, []byte("[fscontext]\x00"))),
			want:   pipeline.FD{Kind: pipeline.FDOther, Num: 9, Name: "[fscontext]", Mode: 0o100600},
		},
		"of several messages the first is measured": {
			sample: call(pipeline.EventSendmmsg, 2, [6]uint64{3}, piece{kind: kindMoved, data: binary.NativeEndian.AppendUint64(nil, 700)}),
			want:   pipeline.FD{Kind: pipeline.FDUnknown, Num: 3}, moved: 700,
		},
	} {
		t.Run(name, func(t *testing.T) {
			ev := decode(t, newDecoder(t), c.sample)
			if diff := cmp.Diff(c.want, ev.FD, cmpAddr); diff != "" {
				t.Errorf("descriptor (-want +got):\n%s", diff)
			}
			if ev.Pair != c.pair || ev.Moved != c.moved {
				t.Errorf("pair %v, %d bytes; want %v, %d", ev.Pair, ev.Moved, c.pair, c.moved)
			}
		})
	}
}
