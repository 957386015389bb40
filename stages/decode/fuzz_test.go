package decode

import (
	"net/netip"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// seeds are samples of every kind.
func seeds() []pipeline.Sample {
	return []pipeline.Sample{
		forked(10, 1, "sh", 10, path(kindCgroup, 0, "/docker/x")),
		execed(10, 1, "sh", 11, argv("sh", "-c", "x"), piece{kind: kindEnv, data: []byte("A=1\x00")}, path(kindExe, 0, "/bin/sh"),
			path(kindCwd, 0, "/"), piece{kind: kindFilename, data: []byte("/bin/sh")}, path(kindCgroup, 3, "/a/b")),
		exited(10, 1, 12),
		call(pipeline.EventOpenat, 3, [6]uint64{cwdFD}, str(1, "../x"), path(kindBase, 1, "/home"), file("/x")),
		call(pipeline.EventOpenat2, -2, [6]uint64{cwdFD}, str(1, ""), piece{kind: kindData, index: 2, data: make([]byte, 24)}),
		call(pipeline.EventConnect, -111, [6]uint64{3}, sockaddr(unix.AF_INET, 0, 0, 80, 1, 2, 3, 4)),
		call(pipeline.EventAccept4, 4, [6]uint64{3}, sock(unix.AF_UNIX, 0, netip.AddrPort{}, netip.AddrPort{}),
			piece{kind: kindSock, index: ofResult, data: append(slices.Clone(bytesOf(&sockInfo{Family: unix.AF_UNIX, LocalLen: 3, RemoteLen: 9})), "\x00abc"...)}),
		call(pipeline.EventSendmsg, 4, [6]uint64{3}, sock(unix.AF_INET6, 17, netip.AddrPort{}, netip.AddrPort{}),
			sockaddr(make([]byte, 28)...), piece{kind: kindData, index: 1, data: []byte("payload")}),
		call(pipeline.EventSetresuid, 0, [6]uint64{}, piece{kind: kindCred, data: make([]byte, 56)}),
		call(pipeline.EventPrctl, 0, [6]uint64{15}, piece{kind: kindComm, data: []byte("name")}),
		call(pipeline.EventChroot, 0, [6]uint64{}, str(0, "x"), path(kindCwd, 0, "/a")),
		call(pipeline.EventClone3, 0, [6]uint64{}, piece{kind: kindData, data: make([]byte, 16)}),
		call(pipeline.EventSetpgid, 0, [6]uint64{1, 1}),
		call(pipeline.EventRenameat2, 0, [6]uint64{3, 0, 4}, str(1, "/a"), str(3, "b")),
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range seeds() {
		f.Add([]byte(s))
		cut := slices.Clone(s[:len(s)-9])
		if h := view[eventHeader](cut); h != nil {
			h.Size = uint32(len(cut))
		}
		f.Add([]byte(cut))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		// Exactly as much memory as the sample has: reading on is a fault under -race and checkptr.
		s := append(make(pipeline.Sample, 0, len(b)), b...)
		d := newDecoder(t)
		ev := pipeline.Event{Num: 4711}
		ok, err := d.Decode(s, &ev)
		if err != nil {
			if ok || ev.Num != 4711 || d.Processes() != 2 {
				t.Errorf("Decode = %v, %v, but changed the event or the table", ok, err)
			}
			return
		}
		if ok && (ev.Proc == nil || ev.Num == 0 || ev.Type == 0 || ev.Type >= pipeline.NumEventTypes) {
			t.Errorf("Decode = an event without process, number or type: %+v", ev)
		}
		if len(ev.Path[0].Name) > 2*len(s)+16 || len(ev.FD.Name) > 2*len(s)+100 {
			t.Errorf("names of %d and %d bytes from a sample of %d", len(ev.Path[0].Name), len(ev.FD.Name), len(s))
		}
		checkTree(t, d)
	})
}

func TestDecodeRefusesWhatIsCut(t *testing.T) {
	for _, s := range seeds() {
		for n := range len(s) {
			ev := pipeline.Event{Num: 4711}
			if ok, err := newDecoder(t).Decode(s[:n:n], &ev); ok || err == nil || ev.Num != 4711 {
				t.Fatalf("Decode of %d of the %d bytes of a %s = %v, %v", n, len(s), pipeline.EventType(view[eventHeader](s).Type), ok, err)
			}
		}
	}
	for _, s := range seeds() {
		for n := int(unsafe.Sizeof(eventHeader{})); n < len(s); n++ {
			cut := append(make(pipeline.Sample, 0, n), s[:n]...)
			view[eventHeader](cut).Size = uint32(n) // a record that lies about itself
			ok, err := newDecoder(t).Decode(cut, &pipeline.Event{})
			if padding := len(s) - n; err == nil && padding >= 8 {
				t.Fatalf("Decode of %d of the %d bytes of a %s = %v, no error", n, len(s), pipeline.EventType(view[eventHeader](s).Type), ok)
			}
		}
	}
	h := header(1, pipeline.NumEventTypes)
	if ok, err := newDecoder(t).Decode(task(h, info(1, 0, "x")), &pipeline.Event{}); ok || err == nil {
		t.Errorf("Decode of an unknown type = %v, %v", ok, err)
	}
}
