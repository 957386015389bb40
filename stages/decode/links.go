package decode

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

// links remembers which directories are symbolic links, by mount namespace: each is looked at once, when
// the first process in it is met.
type links map[uint32]pipeline.Links

// More mount namespaces than containers fit on a node; past that they are looked at anew.
const maxLinks = 4096

// of is the links of the root of process pid; old is what was known of them.
func (l links) of(m *machine, pid int32, mountNS uint32, old pipeline.Links) pipeline.Links {
	if known, ok := l[mountNS]; ok {
		return known
	}
	if mountNS == 0 {
		return old
	}
	found, ok := m.links(pid, mountNS)
	if !ok {
		return old // gone already, or not ours to look at
	}
	l.set(mountNS, found)
	return found
}

func (l links) set(mountNS uint32, found pipeline.Links) {
	if len(l) >= maxLinks {
		clear(l)
	}
	l[mountNS] = found
}

// readLinks looks at a root directory; ok is false if it cannot be seen.
func readLinks(root string) (found pipeline.Links, ok bool) {
	if _, err := os.Stat(root); err != nil {
		return 0, false
	}
	if leadsTo(filepath.Join(root, "bin"), "usr/bin") {
		found |= pipeline.LinkUsr
	}
	if leadsTo(filepath.Join(root, "var/run"), "run") {
		found |= pipeline.LinkRun
	}
	return found, true
}

// leadsTo reports whether path is a symbolic link to dir, absolute or relative to where it lies.
func leadsTo(path, dir string) bool {
	target, err := os.Readlink(path)
	return err == nil && strings.TrimLeft(filepath.Clean(target), "./") == dir
}
