package field

import "slices"

// NoIdentity says why a field cannot tell one thing from another: its value is new with nearly every
// occurrence, so that no two are ever the same. Empty: it can.
func (d *Def) NoIdentity() string {
	if d.Type == Time || d.Type == Duration {
		return "a time"
	}
	for _, group := range passing {
		if slices.Contains(group.names, d.Name) {
			return group.what
		}
	}
	return ""
}

// processIDs are ids of processes and threads, which only their node can tell apart.
var processIDs = []string{
	"proc.pid", "proc.ppid", "proc.vpid", "proc.pvpid", "proc.sid", "proc.pgid", "proc.vpgid", "proc.apid", "proc.loginshellid",
	"thread.tid", "thread.vtid",
}

// IsProcessID reports whether a field is an id of a process or thread.
func (d *Def) IsProcessID() bool { return slices.Contains(processIDs, d.Name) }

// passing are fields that hold a time without being of its type, and numbers that are given anew each time.
// Ports are in it where the kernel picks them: a client's, and those of which either may be a client's. The
// server's is what the connection is about. Inodes, devices and CPUs stay out: they are unusual, but a file
// system or a disk can be the thing that a rule is about.
var passing = []struct {
	what  string
	names []string
}{
	{"a time", []string{"evt.time", "evt.time.s", "evt.time.iso8601", "evt.datetime", "evt.datetime.s"}},
	{"a number that counts events", []string{"evt.num"}},
	{"an id of a process or thread", processIDs},
	{"a port that the kernel picks", []string{
		"fd.cport", "fd.cproto", "fd.lport", "fd.lproto", "fd.rport", "fd.rproto", "fd.port", "fd.proto", "fdlist.cports",
	}},
}
