package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// hostFacts are what decode and enrich find on this machine.
type hostFacts struct {
	Cgroups string `json:"cgroups"` // v1, v2, hybrid or unknown
	Proc    tried  `json:"proc"`    // other processes can be looked at
}

func lookAtHost() hostFacts {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return hostFacts{Cgroups: "unknown", Proc: tried{What: "not readable", Why: err.Error()}}
	}
	return hostFacts{Cgroups: cgroupLayout(string(mounts)), Proc: procVisibility(string(mounts))}
}

// cgroupLayout reads a mount table.
func cgroupLayout(mounts string) string {
	v1, v2 := false, false
	for _, m := range mountsOf(mounts) {
		v1 = v1 || m.kind == "cgroup"
		v2 = v2 || m.kind == "cgroup2"
	}
	switch {
	case v1 && v2:
		return "hybrid"
	case v1:
		return "v1"
	case v2:
		return "v2"
	default:
		return "unknown"
	}
}

// procVisibility says whether names and arguments of other users' processes can be read.
func procVisibility(mounts string) tried {
	f := tried{What: "processes of all users are visible", OK: true}
	for _, m := range mountsOf(mounts) {
		if m.kind != "proc" || m.dir != "/proc" {
			continue
		}
		for option := range strings.SplitSeq(m.options, ",") {
			if level, ok := strings.CutPrefix(option, "hidepid="); ok && level != "0" && level != "off" {
				f.What = "mounted with " + option
			}
		}
	}
	if _, err := os.Readlink("/proc/1/root"); err != nil {
		f.OK, f.Why = false, err.Error()
		f.What = "not all processes can be looked at: of some, the names of users stay unknown"
	}
	return f
}

type mount struct{ dir, kind, options string }

// mountsOf splits /proc/self/mounts: device, place, kind, options.
func mountsOf(table string) (all []mount) {
	for line := range strings.Lines(table) {
		if fields := strings.Fields(line); len(fields) >= 4 {
			all = append(all, mount{fields[1], fields[2], fields[3]})
		}
	}
	return all
}

// tryDataDir makes something in dir, or in the nearest folder above that exists, and takes it away again.
func tryDataDir(dir string) tried {
	f := tried{What: dir}
	at := dir
	info, err := os.Stat(at)
	for errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at) {
		at = filepath.Dir(at)
		info, err = os.Stat(at)
	}
	switch {
	case err != nil:
		f.Why = err.Error()
		return f
	case !info.IsDir():
		f.Why = at + " is not a folder"
		return f
	}
	probe, err := os.MkdirTemp(at, ".tocsin-doctor-*")
	if err == nil {
		err = os.Remove(probe)
	}
	if err != nil {
		f.Why = err.Error()
		return f
	}
	f.OK = true
	if at != dir {
		f.What += " (will be made in " + at + ")"
	}
	return f
}

// tryListen takes an address for a moment.
func tryListen(address string) tried {
	f := tried{What: address}
	l, err := net.Listen("tcp", address)
	if err != nil {
		f.Why = err.Error() + " (a tocsin that runs has it)"
		return f
	}
	if err := l.Close(); err != nil {
		f.Why = err.Error()
		return f
	}
	f.OK = true
	return f
}
