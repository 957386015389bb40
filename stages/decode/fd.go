package decode

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// fd fills in the descriptor an event creates or uses.
func (d *Decoder) fd(ev *pipeline.Event, s *shape) {
	fd := &ev.FD
	fd.Kind = pipeline.FDUnknown
	fd.Num = int64(int32(value(ev, s.fd)))
	creates := s.fd == result
	if creates && ev.Failed() {
		fd.Num = -1
	}
	if c := d.rec.first(kindFile); c != nil {
		d.file(ev, c, creates)
		return
	}
	if d.rec.first(kindSock) != nil || d.rec.first(kindSockaddr) != nil {
		d.socket(ev)
		return
	}
	switch {
	case creates && ev.Path[0].Set:
		// An open that failed, or whose file was closed before it could be read.
		fd.Name, fd.Raw = ev.Path[0].Name, ev.Path[0].Raw
		if !ev.Failed() {
			fd.Kind = pipeline.FDFile
		}
	case ev.Type == pipeline.EventMemfdCreate && !ev.Failed():
		fd.Kind, fd.Name = pipeline.FDMemfd, ev.Str
	case s.fd == s.dirfd[0] && !fromCWD(ev, s.fd):
		if base := d.rec.find(kindBase, s.path[0].index()); base != nil {
			fd.Kind, fd.Name = pipeline.FDDirectory, d.pathOf(base, base.data)
			fd.Raw = fd.Name
		}
	}
}

// Bits of struct file.f_mode and the start of a memfd's name (include/linux/fs.h, mm/memfd.c).
const (
	fmodeCreated = 0x100000
	memfdPrefix  = "memfd:"
)

// file fills in a descriptor from the kernel's struct file. The file that an open made is also what the
// event's path means, symbolic links and mounts resolved.
func (d *Decoder) file(ev *pipeline.Event, c *chunk, opened bool) {
	f := view[fileInfo](c.data)
	if f == nil {
		return
	}
	fd := &ev.FD
	fd.Ino, fd.Dev, fd.Mode = f.Ino, f.Dev, f.Mode
	fd.Created = f.F_mode&fmodeCreated != 0
	fd.Name = d.pathOf(c, c.data[fileInfoSize:])
	fd.Kind = fileKind(f, c.flags&chunkNoPath != 0, fd.Name)
	if fd.Kind == pipeline.FDMemfd {
		fd.Name = strings.TrimPrefix(fd.Name, memfdPrefix)
	}
	if p := &ev.Path[0]; opened && p.Set {
		fd.Raw, p.Name = p.Raw, fd.Name
		ev.Flags &^= pipeline.FlagUserMemory
	}
}

// fileKind is what rules call fd.type: as in Falco, a directory counts as one only if opened as one.
func fileKind(f *fileInfo, noPath bool, name string) pipeline.FDKind {
	switch f.Mode & unix.S_IFMT {
	case unix.S_IFIFO:
		return pipeline.FDPipe
	case unix.S_IFDIR:
		if f.F_flags&unix.O_DIRECTORY != 0 {
			return pipeline.FDDirectory
		}
		return pipeline.FDFile
	}
	switch {
	case !noPath:
		return pipeline.FDFile
	case strings.HasPrefix(name, memfdPrefix):
		return pipeline.FDMemfd
	default:
		return pipeline.FDOther
	}
}
