package enrich

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/enrich/container"
)

// finding is something enrich found out, as a capture has it: exactly one of its parts is there.
type finding struct {
	Container *pipeline.Container `json:"container,omitempty"`
	Forgotten string              `json:"forgotten,omitempty"` // id of a container of which only that is known (any more)
	Seen      int64               `json:"seen,omitempty"`      // with Forgotten: when its wait for more began, ns since the epoch; 0: none did
	Accounts  *accountsFinding    `json:"accounts,omitempty"`
}

// accountsFinding are the names in one root file system, from now on.
type accountsFinding struct {
	MountNS   uint32            `json:"mnt_ns,omitempty"`
	Container string            `json:"container,omitempty"` // id; "" the host
	Users     map[uint32]string `json:"users,omitempty"`
	Groups    map[uint32]string `json:"groups,omitempty"`
}

// notes remembers what was noted, so that only what is new is noted again.
type notes struct {
	note       func([]byte)
	containers map[string]*pipeline.Container
	accounts   map[rootKey][2]fileVersion
}

// A capture that knows of more root file systems than this is not one of ours: as many containers as
// start on a node in weeks.
const maxLearnedRoots = 64 * maxRoots

// Note has note called with everything that Process finds out from now on, during the Process that uses it
// first. An Enricher that was told it by Learn before the same event enriches it as this one.
func (e *Enricher) Note(note func(text []byte)) {
	n := &notes{note: note, containers: map[string]*pipeline.Container{}, accounts: map[rootKey][2]fileVersion{}}
	e.hot.notes, e.accounts.notes = n, n
}

// container notes what is known of a container when that changed.
func (n *notes) container(c *pipeline.Container) {
	if n.isNew(c) {
		n.tell(finding{Container: c})
	}
}

// partial notes that only the id of a container is known.
func (n *notes) partial(p *partial) {
	if n.isNew(&p.container) {
		n.tell(finding{Forgotten: p.container.ID, Seen: p.seen})
	}
}

// isNew reports whether somebody wants to know of c and was not told yet.
func (n *notes) isNew(c *pipeline.Container) bool {
	if n == nil || n.containers[c.ID] == c {
		return false
	}
	if len(n.containers) >= maxContainers {
		clear(n.containers) // to say something twice does no harm
	}
	n.containers[c.ID] = c
	return true
}

// root notes the names in a root file system when they changed.
func (n *notes) root(key rootKey, r *rootAccounts) {
	if n == nil {
		return
	}
	version := [2]fileVersion{r.users.version, r.groups.version}
	if last, ok := n.accounts[key]; ok && last == version {
		return
	}
	if len(n.accounts) >= maxRoots {
		clear(n.accounts)
	}
	n.accounts[key] = version
	n.tell(finding{Accounts: &accountsFinding{key.mountNS, key.container, r.users.names, r.groups.names}})
}

func (n *notes) tell(f finding) {
	text, err := json.Marshal(f)
	if err != nil {
		panic(err) // strings, numbers and bools
	}
	n.note(text)
}

// Learn takes over what Note gave out for a capture.
func (e *Enricher) Learn(text []byte) error {
	var f finding
	if err := json.Unmarshal(text, &f); err != nil {
		return fmt.Errorf("read what was found out while a capture was made: %w", err)
	}
	switch {
	case f.Container != nil:
		e.learned.Put(container.Described{Container: f.Container})
	case f.Accounts != nil:
		return e.accounts.learn(f.Accounts)
	default:
		e.cache.forget(f.Forgotten)
		e.hot.remember(f.Forgotten, f.Seen)
	}
	return nil
}

var errTooManyRoots = errors.New("a capture tells of more root file systems than one machine has")

func (a *accounts) learn(f *accountsFinding) error {
	key := rootKey{f.MountNS, f.Container}
	if a.roots[key] == nil && len(a.roots) >= maxLearnedRoots {
		return errTooManyRoots
	}
	a.roots[key] = &rootAccounts{users: accountFile{names: f.Users}, groups: accountFile{names: f.Groups}}
	return nil
}
