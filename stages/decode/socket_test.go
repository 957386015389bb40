package decode

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

var cmpAddr = cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })

func sock(family uint16, proto uint16, local, remote netip.AddrPort) piece {
	s := sockInfo{Family: family, Protocol: proto, LocalPort: local.Port(), RemotePort: remote.Port(), Fd: 3}
	copy(s.Local[:], local.Addr().AsSlice())
	copy(s.Remote[:], remote.Addr().AsSlice())
	return piece{kind: kindSock, data: slices.Clone(bytesOf(&s))}
}

func sockaddr(data ...byte) piece { return piece{kind: kindSockaddr, index: 1, data: data} }

func TestSockets(t *testing.T) {
	addr := netip.MustParseAddrPort
	none := netip.AddrPort{}
	in4 := sockaddr(unix.AF_INET, 0, 0, 80, 10, 0, 0, 2)
	for name, c := range map[string]struct {
		typ            pipeline.EventType
		ret            int64
		pieces         []piece
		kind           pipeline.FDKind
		client, server netip.AddrPort
		local, remote  netip.AddrPort
		want           string
		userMemory     bool
	}{
		"a connection is read from the kernel's socket": {
			typ: pipeline.EventConnect, pieces: []piece{sock(unix.AF_INET, 6, addr("10.0.0.1:4242"), addr("10.0.0.9:443")), in4},
			kind: pipeline.FDIPv4, client: addr("10.0.0.1:4242"), server: addr("10.0.0.9:443"),
			local: addr("10.0.0.1:4242"), remote: addr("10.0.0.9:443"), want: "10.0.0.1:4242->10.0.0.9:443",
		},
		"one in progress too": {
			typ: pipeline.EventConnect, ret: -int64(unix.EINPROGRESS),
			pieces: []piece{sock(unix.AF_INET6, 6, addr("[fe80::1]:1"), addr("[fe80::2]:2")), in4},
			kind:   pipeline.FDIPv6, client: addr("[fe80::1]:1"), server: addr("[fe80::2]:2"),
			local: addr("[fe80::1]:1"), remote: addr("[fe80::2]:2"), want: "fe80::1:1->fe80::2:2",
		},
		"a refused one has the caller's address": {
			typ: pipeline.EventConnect, ret: -int64(unix.ECONNREFUSED), pieces: []piece{in4},
			kind: pipeline.FDIPv4, server: addr("10.0.0.2:80"), remote: addr("10.0.0.2:80"),
			want: "0.0.0.0:0->10.0.0.2:80", userMemory: true,
		},
		"a refused IPv6 one too": {
			typ: pipeline.EventConnect, ret: -int64(unix.ECONNREFUSED),
			pieces: []piece{sockaddr(append([]byte{unix.AF_INET6, 0, 0, 9, 22: 0}, 1)...)},
			kind:   pipeline.FDIPv6, server: addr("[::1]:9"), remote: addr("[::1]:9"),
			want: ":::0->::1:9", userMemory: true,
		},
		"even if the socket is connected elsewhere": {
			typ: pipeline.EventConnect, ret: -int64(unix.EISCONN),
			pieces: []piece{sock(unix.AF_INET, 6, addr("10.0.0.1:4242"), addr("10.0.0.9:443")), in4},
			kind:   pipeline.FDIPv4, client: addr("10.0.0.1:4242"), server: addr("10.0.0.2:80"),
			local: addr("10.0.0.1:4242"), remote: addr("10.0.0.2:80"), want: "10.0.0.1:4242->10.0.0.2:80", userMemory: true,
		},
		"IPv4 in an IPv6 socket is IPv4": {
			typ: pipeline.EventConnect, pieces: []piece{sock(unix.AF_INET6, 6, addr("[::ffff:1.2.3.4]:5"), addr("[::ffff:6.7.8.9]:10"))},
			kind: pipeline.FDIPv4, client: addr("1.2.3.4:5"), server: addr("6.7.8.9:10"),
			local: addr("1.2.3.4:5"), remote: addr("6.7.8.9:10"), want: "1.2.3.4:5->6.7.8.9:10",
		},
		"a listening socket has only a server": {
			typ: pipeline.EventListen, pieces: []piece{sock(unix.AF_INET, 6, addr("127.0.0.1:18999"), addr("0.0.0.0:0"))},
			kind: pipeline.FDIPv4, server: addr("127.0.0.1:18999"), want: "127.0.0.1:18999",
		},
		"who accepts is the server": {
			typ: pipeline.EventAccept4, ret: 4, pieces: []piece{sock(unix.AF_INET, 6, addr("10.0.0.1:80"), addr("10.0.0.2:5000"))},
			kind: pipeline.FDIPv4, client: addr("10.0.0.2:5000"), server: addr("10.0.0.1:80"),
			local: addr("10.0.0.1:80"), remote: addr("10.0.0.2:5000"), want: "10.0.0.2:5000->10.0.0.1:80",
		},
		"within the machine the client's end is the local one": {
			typ: pipeline.EventAccept4, ret: 4, pieces: []piece{sock(unix.AF_INET, 6, addr("127.0.0.1:80"), addr("127.0.0.1:5000"))},
			kind: pipeline.FDIPv4, client: addr("127.0.0.1:5000"), server: addr("127.0.0.1:80"),
			local: addr("127.0.0.1:5000"), remote: addr("127.0.0.1:80"), want: "127.0.0.1:5000->127.0.0.1:80",
		},
		"a datagram goes where the caller says": {
			typ: pipeline.EventSendto, ret: 1, pieces: []piece{sock(unix.AF_INET, 17, addr("0.0.0.0:40000"), addr("0.0.0.0:0")), in4},
			kind: pipeline.FDIPv4, client: addr("0.0.0.0:40000"), server: addr("10.0.0.2:80"),
			local: addr("0.0.0.0:40000"), remote: addr("10.0.0.2:80"), want: "0.0.0.0:40000->10.0.0.2:80", userMemory: true,
		},
		"what a low port receives it serves": {
			typ: pipeline.EventRecvfrom, ret: 1, pieces: []piece{sock(unix.AF_INET, 17, addr("10.0.0.1:53"), addr("0.0.0.0:0")), in4},
			kind: pipeline.FDIPv4, client: addr("10.0.0.2:80"), server: addr("10.0.0.1:53"),
			local: addr("10.0.0.1:53"), remote: addr("10.0.0.2:80"), want: "10.0.0.2:80->10.0.0.1:53", userMemory: true,
		},
		"a unix socket has a path": {
			typ: pipeline.EventConnect, pieces: []piece{sock(unix.AF_UNIX, 0, none, none),
				sockaddr(append([]byte{unix.AF_UNIX, 0}, "/run/docker.sock\x00rest"...)...)},
			kind: pipeline.FDUnix, want: "0->0 /run/docker.sock",
		},
		"an address that is cut short says nothing": {
			typ: pipeline.EventConnect, ret: -int64(unix.EINVAL), pieces: []piece{sockaddr(unix.AF_INET, 0, 0, 80)},
			kind: pipeline.FDIPv4, want: "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			ev := decode(t, newDecoder(t), call(c.typ, c.ret, [6]uint64{3}, c.pieces...))
			if ev.FD.Kind != c.kind || ev.FD.Name != c.want {
				t.Errorf("FD = kind %d, %q; want %d, %q", ev.FD.Kind, ev.FD.Name, c.kind, c.want)
			}
			got := []netip.AddrPort{set(ev.FD.Client), set(ev.FD.Server), set(ev.FD.Local), set(ev.FD.Remote)}
			if want := []netip.AddrPort{c.client, c.server, c.local, c.remote}; !slices.Equal(got, want) {
				t.Errorf("client, server, local, remote = %v, want %v", got, want)
			}
			if got := ev.Flags&pipeline.FlagUserMemory != 0; got != c.userMemory {
				t.Errorf("flagged as user memory = %v, want %v", got, c.userMemory)
			}
		})
	}
}

// set makes all forms of "no address" one.
func set(a netip.AddrPort) netip.AddrPort {
	if !isSet(a) {
		return netip.AddrPort{}
	}
	return a
}
