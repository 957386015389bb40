package decode

import (
	"bytes"
	"strconv"
	"unsafe"

	"github.com/tocsin-security/tocsin/pipeline"
)

// unixName names a unix socket: the path alone while it only has one, else "client->server path", where
// both are addresses of kernel objects: most clients have no other name.
func (d *Decoder) unixName(ev *pipeline.Event, c *chunk, s *sockInfo, passed []byte) {
	fd := &ev.FD
	var sock, peer uint64
	var local, remote []byte
	if s != nil {
		sock, peer = s.Sock, s.Peer
		names := c.data[unsafe.Sizeof(*s):]
		local = names[:min(int(s.LocalLen), len(names))]
		remote = names[len(local):min(len(local)+int(s.RemoteLen), len(names))]
	}
	start := len(d.text)
	switch ev.Type {
	case pipeline.EventBind, pipeline.EventListen:
		fd.Changed = ev.Type == pipeline.EventBind && !ev.Failed()
	case pipeline.EventConnect:
		fd.Changed = !ev.Failed()
		d.appendUnixEnds(sock, peer)
		local = remote
	case pipeline.EventAccept, pipeline.EventAccept4:
		fd.Changed = true
		d.appendUnixEnds(peer, sock)
	default:
		d.appendUnixEnds(sock, peer)
		if len(remote) > 0 {
			local = remote
		}
	}
	if len(local) == 0 {
		local = passed
	}
	d.appendUnixPath(local)
	fd.Name = alias(d.text[start:])
}

func (d *Decoder) appendUnixEnds(client, server uint64) {
	d.text = strconv.AppendUint(d.text, client, 16)
	d.text = append(d.text, "->"...)
	d.text = strconv.AppendUint(d.text, server, 16)
	d.text = append(d.text, ' ')
}

// appendUnixPath writes a sun_path up to its NUL; an abstract name, which begins with one, gets an "@".
func (d *Decoder) appendUnixPath(name []byte) {
	if len(name) > 1 && name[0] == 0 {
		d.text = append(d.text, '@')
		name = name[1:]
	}
	if i := bytes.IndexByte(name, 0); i >= 0 {
		name = name[:i]
	}
	d.text = append(d.text, name...)
}
