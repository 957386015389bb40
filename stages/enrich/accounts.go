package enrich

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// accounts knows the names of users and groups in every mount namespace. Its files are read by the hot
// goroutine, when a process appears whose names are not known yet; each file at most once a second.
type accounts struct {
	procfs string // "" means: never look there; what is known was learned
	notes  *notes // nil when nobody wants to know
	now    func() time.Time
	roots  map[rootKey]*rootAccounts
	// entered are the names in root file systems that a container runtime has just moved into, by mount
	// namespace, until the container's first process is seen: that one may be gone within a millisecond.
	entered map[uint32]*rootAccounts
}

// rootKey names a container's root file system. The number of a mount namespace alone is given again
// once it is free.
type rootKey struct {
	mountNS   uint32
	container string // id; "" is the host, where mountNS is 0 too: services with a private /tmp share its files
}

// rootAccounts are the names in one root file system.
type rootAccounts struct {
	users, groups accountFile
	checked       time.Time // when the files were last compared with what is known
}

const (
	unknown = "<NA>" // what the rule language shows of a missing name
	rootID  = 0

	// Files are not looked at more often than this: fewer system calls under a storm of short processes;
	// a new user shows that much later.
	recheck = time.Second
	// How many root file systems are remembered: more than containers fit on a node.
	maxRoots = 1024
	// How many are remembered between a runtime's pivot_root and the container's first process: some
	// milliseconds' worth. What never becomes a container is forgotten with the others.
	maxEntered = 64
	// How many ancestors are tried for a process that is gone already.
	maxAncestors = 8
)

func newAccounts(procfs string, now func() time.Time) *accounts {
	return &accounts{procfs: procfs, now: now, roots: map[rootKey]*rootAccounts{}, entered: map[uint32]*rootAccounts{}}
}

// resolve fills in the names that p lacks.
func (a *accounts) resolve(p *pipeline.Process) {
	if p.User == "" || p.Group == "" {
		key := rootKey{}
		if p.ContainerID != "" {
			key = rootKey{mountNS: p.MntNS, container: p.ContainerID}
		}
		root := a.root(key, p)
		if p.User == "" {
			p.User = root.users.name(p.EUID)
			at := root.users.logins[p.EUID]
			p.Home, p.Shell = at.home, at.shell
		}
		if p.Group == "" {
			p.Group = root.groups.name(p.GID)
		}
	}
	if p.Login == "" {
		// Who logged in did so on the host, whatever container the process is in.
		p.Login = unknown
		if p.LoginUID != pipeline.UnsetUID {
			p.Login = a.root(rootKey{}, nil).users.name(p.LoginUID)
		}
	}
}

// root returns the accounts of a root file system, brought up to date through p or a relative of p that
// still lives; with none of them left, what was known before.
func (a *accounts) root(key rootKey, p *pipeline.Process) *rootAccounts {
	if a.procfs == "" {
		if r := a.roots[key]; r != nil {
			return r
		}
		return &rootAccounts{}
	}
	r := a.remembered(key)
	a.update(r, key, p)
	a.notes.root(key, r)
	return r
}

// remembered is the entry of a root file system, a new one if there is none.
func (a *accounts) remembered(key rootKey) *rootAccounts {
	r := a.roots[key]
	if r == nil {
		if len(a.roots) >= maxRoots {
			a.evict()
		}
		r = &rootAccounts{}
		if e := a.entered[key.mountNS]; e != nil && key.container != "" {
			r = e
			delete(a.entered, key.mountNS)
		}
		a.roots[key] = r
	}
	return r
}

// update reads the files again through p or an ancestor, if their time has come.
func (a *accounts) update(r *rootAccounts, key rootKey, p *pipeline.Process) {
	now := a.now()
	if !r.checked.IsZero() && now.Sub(r.checked) < recheck {
		return
	}
	if key == (rootKey{}) {
		// Other processes' roots are closed to us without the right to trace them.
		if a.refresh(r, 1, 0) || a.refresh(r, int32(os.Getpid()), 0) {
			r.checked = now
		}
		return
	}
	for range maxAncestors {
		if p == nil || p.MntNS != key.mountNS {
			return
		}
		if a.refresh(r, p.PID, key.mountNS) {
			if p.ExecNS == p.MntNS { // else its root may still be the host's: look again next time
				r.checked = now
			}
			return
		}
		p = p.Parent
	}
}

// pivoted reads the names in the root file system that a container runtime's process has just made its
// own, before it starts the container's program.
func (a *accounts) pivoted(pid int32) {
	if a.procfs == "" {
		return
	}
	link, err := os.Readlink(filepath.Join(a.procfs, strconv.Itoa(int(pid)), "ns", "mnt"))
	var ns uint32
	if _, scanErr := fmt.Sscanf(link, "mnt:[%d]", &ns); err != nil || scanErr != nil {
		return // it is gone: its container's first process is asked instead
	}
	r := &rootAccounts{}
	if !a.refresh(r, pid, ns) {
		return
	}
	r.checked = a.now()
	if len(a.entered) >= maxEntered {
		clear(a.entered)
	}
	a.entered[ns] = r
}

// evict forgets the root file system that was not looked at for the longest time.
func (a *accounts) evict() {
	var oldest rootKey
	at := a.now()
	for key, r := range a.roots {
		if !r.checked.After(at) {
			oldest, at = key, r.checked
		}
	}
	delete(a.roots, oldest)
}
