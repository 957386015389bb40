package decode

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// ports remembers which ports of this machine are served: listened on, or bound by a datagram socket. It
// is what tells client from server on a connection whose beginning was not seen. Network namespaces share
// it: a port that one serves is seldom another's client port.
type ports struct {
	stream, datagram portSet
}

// portSet has a bit for each port.
type portSet [1 << 16 / 64]uint64

func (s *portSet) add(port uint16)      { s[port/64] |= 1 << (port % 64) }
func (s *portSet) has(port uint16) bool { return s[port/64]&(1<<(port%64)) != 0 }

func (s *portSet) list() []uint16 {
	var ports []uint16
	for port := range 1 << 16 {
		if s.has(uint16(port)) {
			ports = append(ports, uint16(port))
		}
	}
	return ports
}

// ephemeral is where the ports start that the kernel gives to clients (net.ipv4.ip_local_port_range).
const ephemeral = 32768

func (p *ports) of(fd *pipeline.FD) *portSet {
	if fd.Proto == unix.IPPROTO_TCP {
		return &p.stream
	}
	return &p.datagram
}

// serve notes the port of a call that begins to serve it; to bind a stream socket does not.
func (p *ports) serve(ev *pipeline.Event) {
	if ev.Failed() || ev.Type == pipeline.EventBind && ev.FD.Proto == unix.IPPROTO_TCP {
		return
	}
	p.of(&ev.FD).add(ev.FD.Local.Port())
}

// serves reports whether the local end is the server's. Of a port nobody was seen to serve, its number
// has to tell.
func (p *ports) serves(fd *pipeline.FD) bool {
	port := fd.Local.Port()
	return p.of(fd).has(port) || port < ephemeral && port < fd.Remote.Port()
}

// roles says which end is the client's and names the socket: "client->server", or only the server while
// there is no client.
func (d *Decoder) roles(ev *pipeline.Event) {
	fd := &ev.FD
	client, server := fd.Local, fd.Remote
	switch ev.Type {
	case pipeline.EventBind, pipeline.EventListen:
		d.ports.serve(ev)
		client, server = netip.AddrPort{}, fd.Local
		fd.Changed = ev.Type == pipeline.EventBind && !ev.Failed()
	case pipeline.EventConnect:
		fd.Changed = !ev.Failed() || ev.Ret == -int64(unix.EINPROGRESS)
	case pipeline.EventAccept, pipeline.EventAccept4:
		client, server = fd.Remote, fd.Local
		fd.Changed = true
	default:
		switch {
		case !isSet(fd.Local):
		case !isSet(fd.Remote):
			client, server = netip.AddrPort{}, fd.Local
		case d.ports.serves(fd):
			client, server = fd.Remote, fd.Local
		}
	}
	if addr := server.Addr(); addr.Is4() {
		fd.Kind = pipeline.FDIPv4 // an IPv4 peer of an IPv6 socket
	}
	setEnds(fd, orNone(client), orNone(server))
	d.nameSocket(fd)
}

// orNone is a, or the zero value when it says nothing.
func orNone(a netip.AddrPort) netip.AddrPort {
	if !isSet(a) {
		return netip.AddrPort{}
	}
	return a
}

// setEnds takes over the roles. As in Falco, the local end is the client's when the client's address is
// this machine's: on a connection within the machine, both processes show that one.
func setEnds(fd *pipeline.FD, client, server netip.AddrPort) {
	own := fd.Local
	fd.Client, fd.Server = client, server
	switch {
	case !client.IsValid() && server == own: // serves, and has no peer
		fd.Local, fd.Remote = netip.AddrPort{}, netip.AddrPort{}
	case client.Addr() == own.Addr() || client.Addr().IsLoopback() || !client.IsValid():
		fd.Local, fd.Remote = client, server
	default:
		fd.Local, fd.Remote = server, client
	}
}

// nameSocket is fd.name of an IP socket.
func (d *Decoder) nameSocket(fd *pipeline.FD) {
	start := len(d.text)
	switch {
	case fd.Client.IsValid() || fd.Remote.IsValid():
		d.text = appendAddr(d.text, fd.Client, fd.Kind)
		d.text = append(d.text, "->"...)
		d.text = appendAddr(d.text, fd.Server, fd.Kind)
	case fd.Server.IsValid():
		d.text = appendAddr(d.text, fd.Server, fd.Kind)
	}
	fd.Name = alias(d.text[start:])
}
