package decode

import "github.com/tocsin-security/tocsin/pipeline"

// process is the entry of the process an event happened in. It never fails: of a process nothing is
// known of there is a placeholder.
func (d *Decoder) process(h *eventHeader) *entry {
	pid := int32(h.Pid)
	e := d.table.byPID[pid]
	if e == nil || !e.is(h.Start) {
		e = d.load(pid, h.Start, h.Time)
	}
	if h.Start != 0 {
		e.Start = h.Start // exact, where /proc had ticks
	}
	if e.EUID != h.Uid {
		e.EUID, e.User = h.Uid, ""
	}
	return e
}

// load enters a process that no fork announced: read from /proc, or else a placeholder, so that /proc is
// asked once.
func (d *Decoder) load(pid int32, start, now uint64) *entry {
	if e := d.loadKnown(pid, start, now); e != nil {
		return e
	}
	e := d.unknownProcess(pid, start)
	d.table.insert(e, now)
	return e
}

// loadKnown enters a process read from /proc, and its ancestors; nil if it is not there.
func (d *Decoder) loadKnown(pid int32, start, now uint64) *entry {
	p, paths, ok := d.table.machine.process(pid, d.offset)
	if !ok { // gone, or never there: nothing to say of it
		return nil
	}
	e := &entry{Process: p}
	if !e.is(start) {
		return nil // the pid has a new owner
	}
	e.Links = d.links.of(&d.table.machine, pid, p.MntNS, 0)
	// The entry goes in before its parent is looked up: a loop of stale pids ends here.
	d.table.insert(e, now)
	d.table.adopt(d.parent(p.PPID, now), e)
	e.place(paths)
	return e
}

// parent is the living process with pid ppid, or nil.
func (d *Decoder) parent(ppid int32, now uint64) *entry {
	if ppid <= 0 {
		return nil
	}
	if e := d.table.byPID[ppid]; e != nil {
		return living(e)
	}
	return d.loadKnown(ppid, 0, now)
}

// unknownProcess is a placeholder. Enrich may still find the name of its user, as events carry the uid.
func (d *Decoder) unknownProcess(pid int32, start uint64) *entry {
	return &entry{Process: pipeline.Process{
		PID: pid, VPID: -1, VTID: -1, PPID: -1, PGID: -1, SID: -1, VPGID: -1,
		Start: start, StartTime: int64(start) + d.offset,
		Comm: unknown, Exe: unknown, User: unknown, Group: unknown, Login: unknown,
		UID: pipeline.UnsetUID, EUID: pipeline.UnsetUID, GID: pipeline.UnsetUID, LoginUID: pipeline.UnsetUID,
	}}
}

// unknown is what the rule language shows of a process nothing is known of.
const unknown = "<NA>"

// fork enters the child the record is about: a copy of its creator with the child's own numbers.
func (d *Decoder) fork() {
	h, t := d.rec.header, view[taskEvent](d.rec.fixed)
	if e := d.table.byPID[int32(h.Pid)]; e != nil && !e.Exited && e.is(h.Start) {
		return // the scan of /proc was faster than the event, and knows more than it
	}
	parent := d.parent(int32(t.Task.Ppid), h.Time)
	creator := parent
	if t.Task.Creator != t.Task.Ppid { // CLONE_PARENT
		creator = d.parent(int32(t.Task.Creator), h.Time)
	}
	e := &entry{}
	if creator != nil {
		e.Process = creator.Process
		e.Parent = nil
	}
	e.Exited, e.Known = false, true
	e.PID, e.Start = int32(h.Pid), h.Start
	e.StartTime, e.ExecTime = int64(h.Start)+d.offset, 0
	d.table.insert(e, h.Time)
	d.table.adopt(parent, e)
	d.setTask(e, t)
	if creator == nil || d.rec.first(kindCgroup) != nil {
		e.place(d.cgroupPaths())
	}
}

// exec gives the process its new image.
func (d *Decoder) exec(ev *pipeline.Event) {
	h, t := d.rec.header, view[taskEvent](d.rec.fixed)
	e := d.table.byPID[int32(h.Pid)]
	if e == nil || e.Exited || !e.is(h.Start) {
		// The record says all there is to know: no need for /proc.
		e = &entry{Process: pipeline.Process{PID: int32(h.Pid)}}
		d.table.insert(e, h.Time)
	}
	if e.parent == nil || e.PPID != int32(t.Task.Ppid) {
		d.table.adopt(d.parent(int32(t.Task.Ppid), h.Time), e)
	}
	e.Known, e.ExecTime = true, ev.Time
	e.Start, e.StartTime = h.Start, int64(h.Start)+d.offset
	d.setTask(e, t)
	if d.table.machine.note != nil {
		d.mounts.refresh() // a capture has no rule that asks; a container's first program is when its root is there
	}
	e.ExecNS = e.MntNS
	d.setImage(e)
	e.Links = d.links.of(&d.table.machine, e.PID, e.MntNS, e.Links)
	// The new image may live in another mount namespace or root: look names up again.
	e.User, e.Group, e.Login = "", "", ""
	if paths := d.cgroupPaths(); len(paths) > 0 || ev.Flags&pipeline.FlagTruncated == 0 {
		e.place(paths)
	}
	ev.Proc, ev.HasRet = &e.Process, true
	if c := d.rec.first(kindFilename); c != nil {
		ev.Exe = alias(c.data)
	}
}

// exit retires the process; Args[0] is its exit code (status << 8 | signal). It reports false for an exit
// already told: two threads dying at the same instant can both be the last.
func (d *Decoder) exit(ev *pipeline.Event) bool {
	h, x := d.rec.header, view[exitEvent](d.rec.fixed)
	ev.Args[0] = uint64(uint32(x.Code))
	e := d.table.byPID[int32(h.Pid)]
	if e == nil || !e.is(h.Start) {
		ev.Proc = &d.unknownProcess(int32(h.Pid), h.Start).Process // not worth an entry
		ev.Proc.Exited = true
		return true
	}
	if e.Exited {
		return false
	}
	d.table.retire(e, d.table.byPID[int32(x.Reaper)], h.Time)
	ev.Proc = &e.Process
	return true
}
