package late

import (
	"strings"
	"unsafe"

	"github.com/tocsin-security/tocsin/pipeline"
)

// maxAncestors bounds the chain of processes that is copied with an event, to what is shown of one
// (field.AppendAncestry). Rules look further up, but nothing that people start is deeper.
const maxAncestors = 256

// clone copies an event with all that rules can ask of it: decode uses the event's memory for the next one, and
// changes processes as it goes on. It returns about how many bytes the copy takes.
func clone(ev *pipeline.Event) (copied *pipeline.Event, bytes int) {
	c := *ev
	c.Mounts = hostPathOf(ev)
	cloneFD(&c.FD)
	for i := range c.Path {
		c.Path[i].Raw, c.Path[i].Name = strings.Clone(c.Path[i].Raw), strings.Clone(c.Path[i].Name)
	}
	c.Passed = append([]pipeline.FD(nil), c.Passed...)
	for i := range c.Passed {
		cloneFD(&c.Passed[i])
	}
	c.Str, c.Data, c.Exe = strings.Clone(c.Str), strings.Clone(c.Data), strings.Clone(c.Exe)
	var processes int
	c.Proc, processes = cloneProcess(ev.Proc)

	bytes = int(unsafe.Sizeof(c)) + processes + len(c.Str) + len(c.Data) + len(c.Exe) + fdBytes(&c.FD)
	for i := range c.Path {
		bytes += len(c.Path[i].Raw) + len(c.Path[i].Name)
	}
	for i := range c.Passed {
		bytes += int(unsafe.Sizeof(c.Passed[i])) + fdBytes(&c.Passed[i])
	}
	return &c, bytes
}

func cloneFD(fd *pipeline.FD) {
	fd.Name, fd.Raw, fd.Subtree = strings.Clone(fd.Name), strings.Clone(fd.Raw), strings.Clone(fd.Subtree)
}

func fdBytes(fd *pipeline.FD) int { return len(fd.Name) + len(fd.Raw) + len(fd.Subtree) }

// cloneProcess copies a process and those above it. Their strings and lists are never written to once they are
// made: only the structures are copied, and the texts of the first are counted, which may outlive its entry.
func cloneProcess(p *pipeline.Process) (first *pipeline.Process, bytes int) {
	at := &first
	for n := 0; p != nil && n < maxAncestors; n++ {
		c := *p
		c.Parent = nil
		*at, at = &c, &c.Parent
		bytes += int(unsafe.Sizeof(c)) + len(c.Cmdline) + len(c.ExePath) + len(c.CWD)
		if n == 0 {
			for _, list := range [][]string{c.Args, c.Env} {
				for _, s := range list {
					bytes += len(s) + int(unsafe.Sizeof(s))
				}
			}
		}
		p = p.Parent
	}
	return first, bytes
}

// fill gives the event's process, and those above it that are in the same container, what is known of it.
func fill(ev *pipeline.Event, c *pipeline.Container) {
	for p := ev.Proc; p != nil; p = p.Parent {
		if p.ContainerID == ev.Proc.ContainerID {
			p.Container = c
		}
	}
}

// hostPath is where the host had the event's file when the event came; "" where it had it nowhere.
type hostPath string

// hostPathOf looks it up now: the table that knows belongs to the goroutine that decodes.
func hostPathOf(ev *pipeline.Event) pipeline.Mounts {
	if ev.Mounts == nil {
		return nil
	}
	if ev.FD.Name == "" {
		return hostPath("")
	}
	path, _ := ev.Mounts.AppendHostPath(nil, ev)
	return hostPath(path)
}

// AppendHostPath appends the path.
func (h hostPath) AppendHostPath(dst []byte, _ *pipeline.Event) ([]byte, bool) {
	return append(dst, h...), h != ""
}
