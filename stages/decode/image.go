package decode

import (
	"bytes"
	"strings"
	"unsafe"
)

// setTask takes over what fork and exec both tell of a task.
func (d *Decoder) setTask(e *entry, ev *taskEvent) {
	t := &ev.Task
	e.PPID, e.PGID, e.SID = int32(t.Ppid), int32(t.Pgid), int32(t.Sid)
	e.VPID, e.VTID, e.VPGID = int32(t.Vpid), int32(t.Vtid), int32(t.Vpgid)
	e.TTY, e.LoginUID = t.Tty, t.Loginuid
	if e.EUID != t.Euid || e.GID != t.Gid || e.MntNS != t.MntNs {
		e.User, e.Group = "", ""
	}
	e.UID, e.EUID, e.GID = t.Uid, t.Euid, t.Gid
	e.CapEffective, e.CapPermitted, e.CapInheritable = t.CapEffective, t.CapPermitted, t.CapInheritable
	e.ExeIno, e.ExeCtime, e.ExeMtime = t.ExeIno, int64(t.ExeCtime), int64(t.ExeMtime)
	e.ExeUpperLayer = t.ExeFlags&exeUpperLayer != 0
	e.ExeLowerLayer = t.ExeFlags&exeLowerLayer != 0
	e.ExeMemfd = t.ExeFlags&exeMemfd != 0
	e.ExeDeleted = t.ExeFlags&exeDeleted != 0
	e.ExeWritable = t.ExeFlags&exeWritable != 0
	e.CgroupID, e.MntNS, e.PidNS = t.CgroupId, t.MntNs, t.PidNs
	e.ExeDev, e.PidNSStart = t.ExeDev, int64(t.PidNsStart)+d.offset
	e.setComm(&t.Comm)
}

// setComm takes over a task's name; Cmdline starts with it.
func (e *entry) setComm(comm *[16]int8) {
	b := unsafe.Slice((*byte)(unsafe.Pointer(comm)), len(comm))
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	if e.Comm == string(b) {
		return
	}
	e.Comm = string(b)
	e.Cmdline = cmdline(e.Comm, e.Args)
}

// setImage takes over what exec tells of the new image. Strings that did not change are kept: a shell's
// children mostly share its environment and working directory.
func (d *Decoder) setImage(e *entry) {
	var argv []byte
	if c := d.rec.first(kindArgv); c != nil {
		argv = c.data
	}
	e.Exe, e.Args = splitArgs(argv)
	e.Cmdline = cmdline(e.Comm, e.Args)
	if c := d.rec.first(kindEnv); c != nil && !sameList(e.Env, c.data) {
		e.Env = splitNUL(string(c.data))
	}
	if c := d.rec.first(kindExe); c != nil {
		e.ExePath = keep(e.ExePath, d.pathOf(c, c.data))
	}
	if c := d.rec.first(kindCwd); c != nil {
		e.setCWD(d.pathOf(c, c.data))
	}
}

// setCWD takes over the working directory, which rules see with a slash at its end.
func (e *entry) setCWD(dir string) {
	if old, ok := strings.CutSuffix(e.CWD, "/"); ok && (old == dir || e.CWD == dir) {
		return
	}
	e.CWD = strings.TrimSuffix(dir, "/") + "/"
}

// cmdline is what rules call proc.cmdline.
func cmdline(comm string, args []string) string {
	if len(args) == 0 {
		return comm
	}
	return comm + " " + strings.Join(args, " ")
}

// splitArgs splits argv, each ending in NUL, into its first element and the others.
func splitArgs(argv []byte) (exe string, args []string) {
	all := splitNUL(string(argv))
	if len(all) == 0 {
		return "", nil
	}
	return all[0], all[1:]
}

// splitNUL splits strings that end in NUL each; the last may lack it, being cut.
func splitNUL(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(s, "\x00"), "\x00")
}

// sameList reports whether list is what splitNUL makes of b.
func sameList(list []string, b []byte) bool {
	if len(b) == 0 {
		return len(list) == 0
	}
	b = bytes.TrimSuffix(b, []byte{0})
	for i, s := range list {
		item, rest, more := bytes.Cut(b, []byte{0})
		if s != string(item) || more != (i < len(list)-1) {
			return false
		}
		b = rest
	}
	return len(list) > 0
}
