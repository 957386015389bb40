package decode

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// arg names a register of a system call, its result, or nothing.
type arg uint8

const (
	none arg = iota
	arg0
	arg1
	arg2
	arg3
	arg4
	arg5
	result
)

// shape says what the arguments of a system call mean (the man page of each, section 2).
type shape struct {
	path       [2]arg // path strings
	dirfd      [2]arg // what a relative path starts from; none: the working directory
	str        arg    // a string that is no path
	flag, mode arg
	fd         arg // the descriptor the event is about; a directory's if it is also dirfd
}

// shapes has a row for every system call with more to it than its registers.
var shapes = [pipeline.NumEventTypes]shape{
	pipeline.EventOpen:           {path: [2]arg{arg0}, flag: arg1, mode: arg2, fd: result},
	pipeline.EventCreat:          {path: [2]arg{arg0}, mode: arg1, fd: result},
	pipeline.EventOpenat:         {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, flag: arg2, mode: arg3, fd: result},
	pipeline.EventOpenat2:        {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, fd: result},
	pipeline.EventOpenByHandleAt: {flag: arg2, fd: result},
	pipeline.EventOpenTree:       {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, flag: arg2, fd: result},

	pipeline.EventUnlink:    {path: [2]arg{arg0}},
	pipeline.EventUnlinkat:  {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, flag: arg2, fd: arg0},
	pipeline.EventRmdir:     {path: [2]arg{arg0}},
	pipeline.EventMkdir:     {path: [2]arg{arg0}, mode: arg1},
	pipeline.EventMkdirat:   {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, mode: arg2, fd: arg0},
	pipeline.EventMknod:     {path: [2]arg{arg0}, mode: arg1},
	pipeline.EventMknodat:   {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, mode: arg2},
	pipeline.EventRename:    {path: [2]arg{arg0, arg1}},
	pipeline.EventRenameat:  {path: [2]arg{arg1, arg3}, dirfd: [2]arg{arg0, arg2}},
	pipeline.EventRenameat2: {path: [2]arg{arg1, arg3}, dirfd: [2]arg{arg0, arg2}, flag: arg4},
	pipeline.EventLink:      {path: [2]arg{arg0, arg1}},
	pipeline.EventLinkat:    {path: [2]arg{arg1, arg3}, dirfd: [2]arg{arg0, arg2}, flag: arg4},
	pipeline.EventSymlink:   {str: arg0, path: [2]arg{arg1}},
	pipeline.EventSymlinkat: {str: arg0, path: [2]arg{arg2}, dirfd: [2]arg{arg1}, fd: arg1},

	pipeline.EventChmod:     {path: [2]arg{arg0}, mode: arg1},
	pipeline.EventFchmod:    {fd: arg0, mode: arg1},
	pipeline.EventFchmodat:  {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, mode: arg2, fd: arg0},
	pipeline.EventFchmodat2: {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, mode: arg2, flag: arg3, fd: arg0},
	pipeline.EventChown:     {path: [2]arg{arg0}},
	pipeline.EventLchown:    {path: [2]arg{arg0}},
	pipeline.EventFchown:    {fd: arg0},
	pipeline.EventFchownat:  {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, flag: arg4, fd: arg0},
	pipeline.EventTruncate:  {path: [2]arg{arg0}},
	pipeline.EventFtruncate: {fd: arg0},
	pipeline.EventSetxattr:  {path: [2]arg{arg0}, str: arg1, flag: arg4},

	pipeline.EventChdir:     {path: [2]arg{arg0}},
	pipeline.EventFchdir:    {fd: arg0},
	pipeline.EventChroot:    {path: [2]arg{arg0}},
	pipeline.EventMount:     {path: [2]arg{arg0, arg1}, str: arg2, flag: arg3},
	pipeline.EventUmount2:   {path: [2]arg{arg0}, flag: arg1},
	pipeline.EventMoveMount: {path: [2]arg{arg1, arg3}, dirfd: [2]arg{arg0, arg2}, flag: arg4},
	pipeline.EventPivotRoot: {path: [2]arg{arg0, arg1}},

	pipeline.EventExecveFailed:   {path: [2]arg{arg0}},
	pipeline.EventExecveatFailed: {path: [2]arg{arg1}, dirfd: [2]arg{arg0}, flag: arg4},

	pipeline.EventSocket:   {fd: result},
	pipeline.EventConnect:  {fd: arg0},
	pipeline.EventBind:     {fd: arg0},
	pipeline.EventListen:   {fd: arg0},
	pipeline.EventAccept:   {fd: result},
	pipeline.EventAccept4:  {fd: result, flag: arg3},
	pipeline.EventSendto:   {fd: arg0, flag: arg3},
	pipeline.EventSendmsg:  {fd: arg0, flag: arg2},
	pipeline.EventRecvfrom: {fd: arg0, flag: arg3},
	pipeline.EventRecvmsg:  {fd: arg0, flag: arg2},

	pipeline.EventClose:           {fd: arg0},
	pipeline.EventDup:             {fd: result},
	pipeline.EventDup2:            {fd: result},
	pipeline.EventDup3:            {fd: result, flag: arg2},
	pipeline.EventMemfdCreate:     {str: arg0, flag: arg1, fd: result},
	pipeline.EventBpf:             {fd: result},
	pipeline.EventUserfaultfd:     {flag: arg0, fd: result},
	pipeline.EventPerfEventOpen:   {flag: arg4, fd: result},
	pipeline.EventIoUringSetup:    {fd: result},
	pipeline.EventPidfdSendSignal: {fd: arg0, flag: arg3},

	pipeline.EventInitModule:   {str: arg2},
	pipeline.EventFinitModule:  {fd: arg0, str: arg1, flag: arg2},
	pipeline.EventDeleteModule: {str: arg0, flag: arg1},
	pipeline.EventSetns:        {fd: arg0, flag: arg1},
	pipeline.EventUnshare:      {flag: arg0},
}

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
	switch ev.Type {
	case pipeline.EventCreat:
		ev.Flag = unix.O_CREAT | unix.O_WRONLY | unix.O_TRUNC
	case pipeline.EventOpenat2:
		d.openHow(ev)
	case pipeline.EventExecveFailed, pipeline.EventExecveatFailed:
		ev.Exe = ev.Path[0].Raw
	}
	if s.fd != none {
		d.fd(ev, s)
	}
	if !ev.Failed() {
		e.apply(ev)
	}
}

// apply brings the process up to date with what it did.
func (e *entry) apply(ev *pipeline.Event) {
	switch ev.Type {
	case pipeline.EventChdir:
		if ev.Path[0].Set {
			e.setCWD(ev.Path[0].Name)
		}
	case pipeline.EventFchdir:
		if ev.FD.Kind == pipeline.FDDirectory || ev.FD.Kind == pipeline.FDFile {
			e.setCWD(ev.FD.Name)
		}
	case pipeline.EventSetsid:
		e.SID = int32(ev.Ret)
	}
	// Effective uids need no work: every record carries the current one.
}

// path fills in path i of an event: a raw string, and the absolute path it means.
func (d *Decoder) path(ev *pipeline.Event, e *entry, i int, s *shape) {
	raw := d.rec.find(kindString, s.path[i].index())
	if raw == nil {
		return
	}
	ev.Flags |= pipeline.FlagUserMemory
	p := &ev.Path[i]
	p.Set, p.Raw = true, alias(raw.data)
	if isClean(raw.data) {
		p.Name = p.Raw
		return
	}
	start := len(d.text)
	if len(raw.data) == 0 || raw.data[0] != '/' {
		base := d.rec.find(kindBase, s.path[i].index())
		if base == nil {
			p.Name = d.unknownBase(raw.data)
			return
		}
		d.text = appendComponents(d.text, base.data)
		if fromCWD(ev, s.dirfd[i]) && base.flags&chunkTruncated == 0 {
			e.setCWD(alias(d.text[start:])) // the kernel just told: a change whose event was not asked for
		}
	}
	d.text = appendRaw(d.text, start, raw.data)
	p.Name = d.rooted(start)
}

// unknownBase is what rules see of a path relative to a directory that is not known.
func (d *Decoder) unknownBase(raw []byte) string {
	start := len(d.text)
	d.text = append(append(d.text, "<UNKNOWN>"...), raw...)
	return alias(d.text[start:])
}

// openHow reads openat2's struct open_how: flags, mode and resolve, 64 bits each.
func (d *Decoder) openHow(ev *pipeline.Event) {
	if c := d.rec.find(kindData, 2); c != nil && len(c.data) >= 16 {
		ev.Flag = binary.NativeEndian.Uint64(c.data)
		ev.Mode = uint32(binary.NativeEndian.Uint64(c.data[8:]))
	}
}

// value is the register or result that a names; 0 for none.
func value(ev *pipeline.Event, a arg) uint64 {
	switch a {
	case none:
		return 0
	case result:
		return uint64(ev.Ret)
	default:
		return ev.Args[a.index()]
	}
}

// index is the number of the argument that a names, as chunks have it.
func (a arg) index() uint8 { return uint8(a - arg0) }

// fromCWD reports whether a relative path starts from the working directory. Descriptors are 32 bits of
// their register.
func fromCWD(ev *pipeline.Event, dirfd arg) bool {
	return dirfd == none || int32(value(ev, dirfd)) == unix.AT_FDCWD
}
