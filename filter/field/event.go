package field

import (
	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// timeField prints as a time of day but is a number in JSON.
const timeField = "evt.time"

// TypeFields are the fields whose constants are names of events; conditions on them decide which
// events a rule is asked about.
func TypeFields() []string { return []string{"evt.type", "syscall.type"} }

func eventFields() []Def {
	typeOf := func(v *View) (string, bool) { return v.Ev.Type.String(), true }
	nanos := func(v *View) (int64, bool) { return v.Ev.Time, true }
	result := func(v *View) (int64, bool) { return v.Ev.Ret, v.Ev.HasRet }
	return []Def{
		str("evt.type", "what happened: the system call's name; execve also for a successful execveat", typeOf),
		str("syscall.type", "the system call's name; null for other events", func(v *View) (string, bool) {
			s, _ := typeOf(v)
			return s, v.Ev.Type != pipeline.EventExit && v.Ev.Type != pipeline.EventJSON
		}),
		number("evt.num", Uint64, "counts events since start, from 1", func(v *View) (int64, bool) { return int64(v.Ev.Num), true }),
		number(timeField, Time, "when it happened; a time of day in outputs, ns since the epoch in JSON", nanos),
		number("evt.rawtime", Time, "ns since the epoch", nanos),
		number("evt.rawtime.s", Time, "whole seconds since the epoch", func(v *View) (int64, bool) { return v.Ev.Time / 1e9, true }),
		number("evt.rawtime.ns", Time, "ns past the whole second", func(v *View) (int64, bool) { return v.Ev.Time % 1e9, true }),
		str("evt.time.s", "time of day to the second", clock("15:04:05", false)),
		str("evt.time.iso8601", "date and time, UTC, with ns", clock("2006-01-02T15:04:05.000000000-0700", true)),
		str("evt.datetime", "date and time of day with ns", clock("2006-01-02 15:04:05.000000000", false)),
		str("evt.datetime.s", "date and time of day to the second", clock("2006-01-02 15:04:05", false)),
		number("evt.cpu", Int, "CPU it happened on", func(v *View) (int64, bool) { return int64(v.Ev.CPU), true }),
		number("evt.count", Uint, "always 1", func(*View) (int64, bool) { return 1, true }),
		str("evt.source", "where it comes from: syscall, or the intake's source", func(v *View) (string, bool) { return v.Ev.Source, true }),
		str("evt.hostname", "name of the host", func(v *View) (string, bool) { return v.Ev.Host, true }),
		str("evt.dir", "always <: events are seen when they have happened", func(*View) (string, bool) { return "<", true }),
		number("evt.rawres", Int, "result of the system call; -errno on failure", result),
		str("evt.res", "SUCCESS, or the name of the error", func(v *View) (string, bool) {
			if n, ok := result(v); !ok || n < 0 {
				return errnoName(n), ok
			}
			return "SUCCESS", true
		}),
		boolean("evt.failed", "the system call returned an error", func(v *View) (value, ok bool) { return v.Ev.Failed(), true }),
		boolean("evt.is_open_read", "a file was opened for reading", openFor(unix.O_RDONLY)),
		boolean("evt.is_open_write", "a file was opened for writing; not for creat", openFor(unix.O_WRONLY)),
		boolean("evt.is_open_exec", "a file was made with execute permission", func(v *View) (value, ok bool) {
			return openMakes(v.Ev) && v.Ev.Mode&0o111 != 0, true
		}),
		{Name: "evt.buffer", Type: Buffer, Doc: "the first bytes of what was sent or received", get: Getter{Str: func(v *View) (string, bool) {
			return v.Ev.Data, movesData(v.Ev.Type)
		}}},
		number("evt.buflen", Uint64, "how many bytes were sent or received", func(v *View) (int64, bool) {
			if countsMessages(v.Ev.Type) {
				return v.Ev.Moved, v.Ev.Ret > 0
			}
			return v.Ev.Ret, movesData(v.Ev.Type) && v.Ev.Ret >= 0
		}),
		boolean("evt.is_open_create", "the open made the file", func(v *View) (value, ok bool) {
			return isOpen(v.Ev.Type) && (v.Ev.FD.Created || v.Ev.Ret >= 0 && hasTmpfile(v.Ev.Flag)), true
		}),
	}
}

// clock formats the event's time without allocating.
func clock(layout string, utc bool) func(*View) (string, bool) {
	return func(v *View) (string, bool) {
		t := v.Ev.At()
		if utc {
			t = t.UTC()
		}
		start := len(v.buf)
		v.buf = t.AppendFormat(v.buf, layout)
		return view(v.buf[start:]), true
	}
}

// errnoName is the name of the error a system call returned as -errno.
func errnoName(ret int64) string {
	if name := unix.ErrnoName(unix.Errno(-ret)); name != "" {
		return name
	}
	return unknown
}

// isOpen reports the calls whose open flags the language looks at.
func isOpen(t pipeline.EventType) bool {
	return t == pipeline.EventOpen || t == pipeline.EventOpenat || t == pipeline.EventOpenat2 || t == pipeline.EventOpenByHandleAt
}

func movesData(t pipeline.EventType) bool {
	return t == pipeline.EventSendto || t == pipeline.EventSendmsg || t == pipeline.EventRecvfrom || t == pipeline.EventRecvmsg ||
		countsMessages(t)
}

// countsMessages reports the calls whose result is a number of messages, not of bytes.
func countsMessages(t pipeline.EventType) bool {
	return t == pipeline.EventSendmmsg || t == pipeline.EventRecvmmsg
}

// openFor tests the access mode: O_RDWR counts for both.
func openFor(mode uint64) func(*View) (value, ok bool) {
	return func(v *View) (value, ok bool) {
		access := v.Ev.Flag & unix.O_ACCMODE
		return isOpen(v.Ev.Type) && (access == mode || access == unix.O_RDWR), true
	}
}

func openMakes(ev *pipeline.Event) bool {
	return ev.Type == pipeline.EventCreat || isOpen(ev.Type) && (ev.Flag&unix.O_CREAT != 0 || hasTmpfile(ev.Flag))
}

// hasTmpfile holds for O_DIRECTORY alone too: O_TMPFILE contains that bit, and Falco's test, which
// rules are written against, does not tell them apart.
func hasTmpfile(flags uint64) bool { return flags&unix.O_TMPFILE != 0 }
