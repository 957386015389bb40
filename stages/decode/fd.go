package decode

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// fd fills in the descriptor an event creates or uses.
func (d *Decoder) fd(ev *pipeline.Event, s *shape) {
	fd := &ev.FD
	fd.Kind = pipeline.FDUnknown
	fd.Num = int64(int32(value(ev, s.fd)))
	creates := s.fd == result || s.fd == first
	opens := creates && ev.Path[0].Set && ev.Type != pipeline.EventFspick // which makes a handle of the file system
	if creates && ev.Failed() {
		fd.Num = -1
		if opens {
			fd.Name, fd.Raw = ev.Path[0].Name, ev.Path[0].Raw
		}
		return
	}
	sock, addr := d.chunkOf(kindSock, s.fd), d.rec.first(kindSockaddr)
	file := d.chunkOf(kindFile, s.fd)
	switch {
	case ev.Type == pipeline.EventSocket:
		newSocket(ev)
	case sock != nil || addr != nil:
		d.socket(ev, sock, addr)
	case file != nil:
		d.file(ev, file, opens)
	case opens: // its file was closed before it could be read
		fd.Kind, fd.Name, fd.Raw, fd.Changed = pipeline.FDFile, ev.Path[0].Name, ev.Path[0].Raw, true
	case ev.Type == pipeline.EventMemfdCreate:
		fd.Kind, fd.Name = pipeline.FDMemfd, ev.Str
	case s.fd == s.dirfd[0] && !fromCWD(ev, s.fd):
		d.directory(ev, d.rec.find(kindBase, s.path[0].index()))
	}
	fd.Changed = fd.Changed || ev.Type == pipeline.EventMemfdCreate || ev.Type == pipeline.EventOpenByHandleAt
}

// directory is a descriptor that a path starts from.
func (d *Decoder) directory(ev *pipeline.Event, base *chunk) {
	if base == nil {
		return
	}
	name := d.pathOf(base, base.data)
	ev.FD.Kind, ev.FD.Name, ev.FD.Raw = pipeline.FDDirectory, name, name
}

// chunkOf is the chunk that describes the descriptor in argument or result a. A call on one descriptor
// that makes another (accept, dup) has a chunk of each; the new one is often like the old one.
func (d *Decoder) chunkOf(kind uint16, a arg) *chunk {
	index := uint8(ofResult)
	if a != result {
		index = a.index()
	}
	if c := d.rec.find(kind, index); c != nil {
		return c
	}
	return d.rec.firstOwn(kind)
}

// memfdPrefix is what the kernel puts before a memfd's name (mm/memfd.c).
const memfdPrefix = "memfd:"

// file fills in a descriptor from the kernel's struct file. The file that an open made is also what the
// event's path means, symbolic links and mounts resolved.
func (d *Decoder) file(ev *pipeline.Event, c *chunk, opened bool) {
	f := view[fileInfo](c.data)
	if f == nil {
		return
	}
	fd := &ev.FD
	fd.Ino, fd.Dev, fd.Mode = f.Ino, f.Dev, f.Mode
	fd.Created = f.Flags&fileCreated != 0
	fd.Upper, fd.Lower = f.Flags&fileUpperLayer != 0, f.Flags&fileLowerLayer != 0
	name := d.pathOf(c, c.data[fileInfoSize:])
	d.inMount(fd, f, c.index)
	inTree := c.flags&chunkNoPath == 0
	if opened {
		d.openedFile(ev, f, name, inTree)
		return
	}
	fd.Kind = fileKind(f, name, inTree)
	if ev.Type == pipeline.EventPidfdOpen {
		d.namePidfd(ev)
	}
	switch fd.Kind {
	case pipeline.FDFile, pipeline.FDDirectory:
		fd.Name, fd.Raw = name, name
	case pipeline.FDMemfd:
		fd.Name = strings.TrimPrefix(name, memfdPrefix)
	case pipeline.FDOther, pipeline.FDPipe:
		fd.Name = name
	}
	// The rest (bpf, epoll, …) have no name.
}

// inMount notes where in its file system the file is: what decides its path on the host (mounts.go).
func (d *Decoder) inMount(fd *pipeline.FD, f *fileInfo, index uint8) {
	if f.Flags&fileInMount == 0 {
		return
	}
	if f.Flags&fileSubtree != 0 {
		c := d.rec.find(kindSubtree, index)
		if c == nil || c.flags&chunkTruncated != 0 {
			return
		}
		fd.Subtree = alias(c.data)
	}
	fd.Located, fd.InMount = true, int32(f.Below)
}

// namePidfd names a new pidfd by its process, as Falco does.
func (d *Decoder) namePidfd(ev *pipeline.Event) {
	start := len(d.text)
	d.text = strconv.AppendInt(append(d.text, "/proc/"...), int64(int32(ev.Args[0])), 10)
	ev.FD.Kind, ev.FD.Name = pipeline.FDPidfd, alias(d.text[start:])
}

// openedFile is a file opened by its path. What lies in no tree, but was reached through /proc or a named
// pipe, keeps the path that led there.
func (d *Decoder) openedFile(ev *pipeline.Event, f *fileInfo, name string, inTree bool) {
	fd, p := &ev.FD, &ev.Path[0]
	fd.Kind = pipeline.FDFile
	if f.Mode&unix.S_IFMT == unix.S_IFDIR && f.F_flags&unix.O_DIRECTORY != 0 {
		fd.Kind = pipeline.FDDirectory
	}
	if inTree {
		p.Name = name
		ev.Flags &^= pipeline.FlagUserMemory
	}
	fd.Name, fd.Raw, fd.Changed = p.Name, p.Raw, true
}

// anonymous files by the name of their dentry: each is given in the call of anon_inode_getfd or
// anon_inode_getfile in the kernel's source.
var anonymous = []struct {
	prefix string
	kind   pipeline.FDKind
}{
	{memfdPrefix, pipeline.FDMemfd},
	{"bpf", pipeline.FDBpf}, // bpf-map, bpf-prog, bpf_link, bpf_iter
	{"btf", pipeline.FDBpf},
	{"[eventfd]", pipeline.FDEvent},
	{"[eventpoll]", pipeline.FDEpoll},
	{"[io_uring]", pipeline.FDIoUring},
	{"[pidfd]", pipeline.FDPidfd},
	{"[signalfd]", pipeline.FDSignal},
	{"[timerfd]", pipeline.FDTimer},
	{"[userfaultfd]", pipeline.FDUserfault},
	{"inotify", pipeline.FDInotify},
}

// pidfsMagic is PID_FS_MAGIC (include/uapi/linux/magic.h): since 6.9 pidfds are its files, without a name.
const pidfsMagic = 0x50494446

// fileKind is what rules call fd.type: as in Falco, a directory counts as one only if opened as one.
func fileKind(f *fileInfo, name string, inTree bool) pipeline.FDKind {
	switch f.Mode & unix.S_IFMT {
	case unix.S_IFIFO:
		return pipeline.FDPipe
	case unix.S_IFDIR:
		if f.F_flags&unix.O_DIRECTORY != 0 {
			return pipeline.FDDirectory
		}
		return pipeline.FDFile
	}
	if inTree {
		return pipeline.FDFile
	}
	if f.Magic == pidfsMagic {
		return pipeline.FDPidfd
	}
	name = strings.TrimPrefix(name, "anon_inode:")
	for _, a := range anonymous {
		if strings.HasPrefix(name, a.prefix) {
			return a.kind
		}
	}
	return pipeline.FDOther
}
