package enrich

import (
	"time"
	"unsafe"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/enrich/container"
)

// share is one runtime's part of the cache. It is safe for concurrent use.
type share struct {
	cache *containerCache
	// users says that the runtime is not root's. Whoever can make a socket in his own folder can say what
	// he likes about any container: his word never stands against root's, and there is not much of it.
	users bool
}

var _ container.Cache = (*share)(nil)

const (
	// How many containers of a user's own runtime are remembered.
	maxUsers = 512
	// How much text of one of them is, in labels and names.
	maxUsersText = 16 << 10
)

// Put is container.Cache's.
func (s *share) Put(found ...container.Described) {
	if s.users {
		found = s.bounded(found)
	}
	if len(found) > 0 {
		s.cache.put(s, found...)
	}
}

// answered is Put for the answer to a question, which may have been overtaken by the end of the container.
func (s *share) answered(found []container.Described) {
	s.cache.mu.Lock()
	current := found[:0]
	for _, f := range found {
		if _, going := s.cache.removed[f.Container.ID]; !going || !s.believes(s.cache.records[f.Container.ID]) {
			current = append(current, f)
		}
	}
	s.cache.mu.Unlock()
	s.Put(current...)
}

// Listed is container.Cache's.
func (s *share) Listed(began time.Time, ids []string) { s.cache.listed(s, began, ids) }

// Remove is container.Cache's.
func (s *share) Remove(id string) { s.cache.remove(s, id) }

// Known is container.Cache's. To root's runtimes a container of which only a user's has told is not known.
func (s *share) Known(id string) bool {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	r, there := s.cache.records[id]
	return there && s.believes(r)
}

// believes reports whether what is recorded can stand beside what s tells.
func (s *share) believes(r record) bool { return s.users || !r.by.users }

// replaces reports whether what s tells of a container stands instead of what is recorded, of one that is going
// away perhaps.
func (s *share) replaces(f container.Described, old record, going bool) bool {
	if old.by == s {
		return true
	}
	if old.by.users != s.users {
		return old.by.users
	}
	if going {
		return true
	}
	// Whose container it is knows better than whoever it borrowed from; of equals, the first: with one
	// runtime asked by two ways its containers would change all the time.
	return old.Borrowed && !f.Borrowed
}

// bounded is as much of found as a user's runtime may tell.
func (s *share) bounded(found []container.Described) []container.Described {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	told := 0
	for _, r := range s.cache.records {
		if r.by == s {
			told++
		}
	}
	var kept []container.Described
	for _, f := range found {
		if _, there := s.cache.records[f.Container.ID]; !there {
			if told++; told > maxUsers {
				break
			}
		}
		if textOf(f.Container) <= maxUsersText {
			kept = append(kept, f)
		}
	}
	return kept
}

// textOf is about how many bytes are known of a container.
func textOf(c *pipeline.Container) int {
	n := len(c.ID) + len(c.Name) + len(c.Image) + len(c.ImageID) + len(c.Digest) + 2*len(c.LabelText) + len(c.CNI)
	for _, m := range c.Mounts {
		n += int(unsafe.Sizeof(m)) + len(m.Source) + len(m.Dest) + len(m.Mode) + len(m.Propagation)
	}
	return n
}
