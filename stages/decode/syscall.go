package decode

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// syscall fills in an event that is a system call.
func (d *Decoder) syscall(ev *pipeline.Event) {
	call := view[syscallEvent](d.rec.fixed)
	ev.Ret, ev.HasRet, ev.Args = call.Ret, true, call.Args
	e := d.process(d.rec.header)
	ev.Proc = &e.Process

	s := &shapes[ev.Type]
	ev.Flag = value(ev, s.flag)
	ev.Mode = uint32(value(ev, s.mode))
	for i := range s.path {
		if s.path[i] != none {
			d.path(ev, e, i, s)
		}
	}
	if s.str != none {
		if c := d.rec.find(kindString, s.str.index()); c != nil {
			ev.Str = alias(c.data)
		}
	}
	d.special(ev)
	if s.fd == first {
		d.pair(ev)
	}
	if s.fd != none {
		d.fd(ev, s)
	}
	if receives(ev.Type) {
		d.passed(ev)
	}
	d.apply(ev, e)
}

// special fills in what only some calls have.
func (d *Decoder) special(ev *pipeline.Event) {
	switch ev.Type {
	case pipeline.EventCreat:
		ev.Flag = unix.O_CREAT | unix.O_WRONLY | unix.O_TRUNC
	case pipeline.EventOpenat2:
		d.openHow(ev)
		forgetMode(ev)
	case pipeline.EventOpen, pipeline.EventOpenat:
		forgetMode(ev)
	case pipeline.EventExecveFailed, pipeline.EventExecveatFailed:
		ev.Exe = ev.Path[0].Raw
	case pipeline.EventCloneCall:
		const exitSignal = 0xff // the low byte (clone(2))
		ev.Flag = ev.Args[0] &^ exitSignal
	case pipeline.EventVfork:
		ev.Flag = unix.CLONE_VM | unix.CLONE_VFORK
	case pipeline.EventClone3: // struct clone_args begins with its flags
		if c := d.rec.first(kindData); c != nil && len(c.data) >= 8 {
			ev.Flag = binary.NativeEndian.Uint64(c.data)
		}
	case pipeline.EventPrctl:
		if c := d.rec.first(kindComm); c != nil {
			ev.Str = alias(untilNUL(c.data))
		}
	default:
		if transfers(ev.Type) {
			d.transfer(ev)
		}
	}
}

// transfer fills in what was sent or received.
func (d *Decoder) transfer(ev *pipeline.Event) {
	if c := d.rec.first(kindData); c != nil {
		ev.Data = alias(c.data)
	}
	if c := d.rec.first(kindMoved); c != nil && len(c.data) >= 8 {
		ev.Moved = int64(binary.NativeEndian.Uint64(c.data))
	}
}

// pair fills in the two descriptors that a call returned in memory.
func (d *Decoder) pair(ev *pipeline.Event) {
	if c := d.rec.first(kindData); c != nil && len(c.data) >= 8 && !ev.Failed() {
		ev.Pair = [2]int32{int32(binary.NativeEndian.Uint32(c.data)), int32(binary.NativeEndian.Uint32(c.data[4:]))}
	}
}

// forgetMode drops the mode of an open that makes no file: the kernel ignores what is left in that register.
func forgetMode(ev *pipeline.Event) {
	const tmpfile = unix.O_TMPFILE &^ unix.O_DIRECTORY
	if ev.Flag&(unix.O_CREAT|tmpfile) == 0 {
		ev.Mode = 0
	}
}

// apply brings the process up to date with what it did.
func (d *Decoder) apply(ev *pipeline.Event, e *entry) {
	if c := d.rec.first(kindCred); c != nil {
		e.setCred(c)
	}
	if ev.Failed() {
		return
	}
	switch ev.Type {
	case pipeline.EventChdir, pipeline.EventFchdir, pipeline.EventChroot:
		if c := d.rec.first(kindCwd); c != nil {
			dir := d.pathOf(c, c.data)
			e.setCWD(dir)
			if ev.Type == pipeline.EventChdir {
				ev.Path[0].Name = dir // what the kernel tells as its base is where it led
			}
		}
	case pipeline.EventSetsid:
		// setsid(2): the caller leads a new session and a new process group.
		e.SID, e.PGID, e.VPGID = e.PID, e.PID, e.VPID
	case pipeline.EventSetpgid:
		d.setGroup(ev, e)
	}
	// Effective uids need no work: every record carries the current one.
}

// setGroup follows setpgid(pid, pgid), where 0 is the caller and the process itself. The numbers are those
// of the caller's pid namespace: in an inner one only groups that a process makes for itself are followed.
func (d *Decoder) setGroup(ev *pipeline.Event, caller *entry) {
	pid, pgid := int32(ev.Args[0]), int32(ev.Args[1])
	e := caller
	if pid != 0 && pid != caller.VPID {
		if caller.VPID != caller.PID {
			return
		}
		if e = d.table.byPID[pid]; e == nil {
			return
		}
	}
	switch {
	case pgid == 0 || pgid == e.VPID:
		e.PGID, e.VPGID = e.PID, e.VPID
	case e.VPID == e.PID:
		e.PGID, e.VPGID = pgid, pgid
	}
}

// setCred takes over credentials. The names that follow from them have to be looked up again.
func (e *entry) setCred(c *chunk) {
	cred := view[credInfo](c.data)
	if cred == nil {
		return
	}
	if e.EUID != cred.Euid {
		e.User = ""
	}
	if e.GID != cred.Egid {
		e.Group = ""
	}
	e.UID, e.EUID, e.GID = cred.Uid, cred.Euid, cred.Egid
	e.CapEffective, e.CapPermitted, e.CapInheritable = cred.CapEffective, cred.CapPermitted, cred.CapInheritable
}

func untilNUL(b []byte) []byte {
	b, _, _ = bytes.Cut(b, []byte{0})
	return b
}

// openHow reads openat2's struct open_how: flags, mode and resolve, 64 bits each.
func (d *Decoder) openHow(ev *pipeline.Event) {
	if c := d.rec.find(kindData, 2); c != nil && len(c.data) >= 16 {
		ev.Flag = binary.NativeEndian.Uint64(c.data)
		ev.Mode = uint32(binary.NativeEndian.Uint64(c.data[8:]))
	}
}
