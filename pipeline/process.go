package pipeline

import (
	"maps"
	"slices"
	"strings"
)

// Process is one entry of the process table. The table's owner (decode) changes it between events;
// stages read it during an event and keep no pointer to it afterwards.
type Process struct {
	PID, PPID  int32
	VPID, VTID int32 // in the innermost pid namespace
	PGID, SID  int32
	VPGID      int32
	Start      uint64 // ns CLOCK_BOOTTIME; with PID it names the process for good
	StartTime  int64  // ns since the epoch: clone time; 0 unknown
	ExecTime   int64  // ns since the epoch: last exec; 0 none seen

	Comm    string
	Exe     string   // argv[0]
	Args    []string // argv[1:]
	Cmdline string   // comm, blank, args joined by blanks
	ExePath string   // path of the executable in the process's root
	CWD     string   // ends in "/"
	Env     []string

	UID, EUID, GID uint32 // EUID and GID are the effective ones
	LoginUID       uint32 // 0xffffffff: unset
	TTY            uint32
	CapEffective   uint64
	CapPermitted   uint64
	CapInheritable uint64
	ExeIno         uint64
	ExeCtime       int64 // ns since the epoch
	ExeMtime       int64
	ExeUpperLayer  bool
	ExeLowerLayer  bool
	ExeMemfd       bool
	ExeDeleted     bool
	ExeWritable    bool
	ExeDev         uint32 // device of the executable's file system, kernel encoding
	MntNS, PidNS   uint32
	// ExecNS is the mount namespace of the last exec. Where it is not MntNS, the process is a container
	// runtime's and still sets its namespace up: its root is not the container's yet.
	ExecNS     uint32
	PidNSStart int64 // ns since the epoch: when the pid namespace began; 0 unknown
	Links      Links // of its root directory

	CgroupID    uint64
	Cgroup      string     // cgroup path the container id was found in, else the first one
	ContainerID string     // full id; empty on the host
	Container   *Container // never nil once enriched: the host has one too
	ContainerAt uint64     // enrich's count of what runtimes told, when Container was looked up

	User  string // name of EUID in the process's own passwd; "<NA>" unknown
	Group string // name of GID
	Login string // name of LoginUID
	Home  string // home directory of EUID in the same passwd, and its shell
	Shell string

	Parent *Process // nil when unknown
	Known  bool     // false: a placeholder for a process nothing is known of
	Exited bool
}

// Links says which directories of old are symbolic links in a root: the kernel's paths never have them,
// what people write in rules does.
type Links uint8

// Links of a root directory.
const (
	LinkUsr Links = 1 << iota // /bin, /sbin and /lib* lead into /usr
	LinkRun                   // /var/run leads to /run
)

// UnsetUID is the kernel's (uid_t)-1: no login uid, or an unknown one.
const UnsetUID = 0xffffffff

// Container is what enrich knows of a container.
type Container struct {
	ID         string // full id
	Name       string
	Image      string // as given, with tag
	Repository string
	Tag        string
	Digest     string // of the image's manifest, sha256:…: as it was asked for, else as the runtime keeps it
	Type       string // containerd, docker, …; "host" for the host
	Privileged bool
	PodName    string
	PodNS      string
	PodUID     string
	PodLabels  map[string]string
	Labels     map[string]string
	// LabelText and PodLabelText are the labels as one text: see JoinLabels.
	LabelText    string
	PodLabelText string
	ImageID      string // in hex digits; known where the runtime names the image by it
	SandboxID    string // full id of the pod's sandbox
	IP           string // first address of its network, the pod's in a pod; "" the host's network, or not told
	CNI          string // what the network plugin answered when it set the pod's network up, as JSON
	Mounts       []Mount
	// HostPID and its like say that the container shares the host's namespace of that kind.
	HostPID, HostNetwork, HostIPC bool
	// Complete says that the runtime answered; false means the id is all that is known.
	Complete bool
	// Learned is when it answered, on the clock of events (ns since the epoch); 0: not known.
	Learned int64
	// Awaited is, while it has not, until when events of the container wait for that; 0: they do not.
	Awaited int64
}

// Mount is one mount of a container as its runtime was told to make it.
type Mount struct {
	Source      string
	Dest        string
	Mode        string // of a file system made for it, in octal; else ""
	Writable    bool
	Propagation string
}

// JoinLabels is labels as name:value, sorted by name, with commas and blanks between them.
func JoinLabels(labels map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name + ":" + labels[name])
	}
	return b.String()
}

// ShortID is the id as rules and messages show it: 12 characters, or "host".
func ShortID(id string) string {
	if id == "" {
		return "host"
	}
	return id[:min(12, len(id))]
}
