package decode

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

// mount is one line of the host's mount table: the directory Root of the file system on Dev is at Point.
type mount struct {
	Dev   uint32 `json:"dev"` // kernel encoding
	Root  string `json:"root"`
	Point string `json:"point"`
}

// mounts is the mount table of process 1. It is read when the Decoder is seeded and, when somebody asks for
// a path after it has changed, again.
type mounts struct {
	hostNS uint32
	byDev  map[uint32][]mount // those with the shortest Root first
	file   *os.File           // the table itself; nil: not on this machine
	next   time.Time          // not to be read before: reading takes a tenth of the time at most
	tell   func(answer)       // notes what was read
}

var _ pipeline.Mounts = (*mounts)(nil)

// seed opens the table. Without the right to, no host path is known.
func (m *mounts) seed(procfs string, tell func(answer)) {
	m.tell = tell
	dir := filepath.Join(procfs, "1")
	m.hostNS = readNamespace(dir, "mnt")
	path := filepath.Join(dir, "mountinfo")
	// Not by os.Open: Go's own poller would take the news of a change away from changed.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	m.file = os.NewFile(uintptr(fd), path)
	m.read()
}

// changed asks the kernel whether the table is another than at the last answer (proc_pid_mountinfo(5)).
func (m *mounts) changed() bool {
	fds := []unix.PollFd{{Fd: int32(m.file.Fd()), Events: unix.POLLPRI}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}

// refresh reads the table again if it has changed.
func (m *mounts) refresh() {
	if m.file != nil && !time.Now().Before(m.next) && m.changed() {
		m.read()
	}
}

// read reads the table; one that cannot be read stays as it was.
func (m *mounts) read() {
	start := time.Now()
	if _, err := m.file.Seek(0, io.SeekStart); err != nil {
		return
	}
	text, err := io.ReadAll(m.file)
	if err != nil {
		return
	}
	list := parseMounts(string(text))
	m.set(list)
	m.tell(answer{Mounts: list})
	end := time.Now()
	m.next = end.Add(9 * end.Sub(start))
}

func (m *mounts) set(list []mount) {
	m.byDev = make(map[uint32][]mount)
	for _, e := range list {
		m.byDev[e.Dev] = append(m.byDev[e.Dev], e)
	}
	for _, same := range m.byDev {
		slices.SortStableFunc(same, func(a, b mount) int { return len(a.Root) - len(b.Root) })
	}
}

// list is the table for a snapshot.
func (m *mounts) list() []mount {
	m.refresh()
	var all []mount
	for _, same := range m.byDev {
		all = append(all, same...)
	}
	slices.SortFunc(all, func(a, b mount) int { return strings.Compare(a.Point, b.Point) })
	return all
}

// parseMounts reads lines as "36 35 98:0 ROOT POINT rw - ext4 /dev/x rw" (proc_pid_mountinfo(5)); lines that
// are none, and namespace files, whose root is no path, are left out.
func parseMounts(text string) []mount {
	var list []mount
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 5 || fields[3][0] != '/' {
			continue
		}
		major, minor, _ := strings.Cut(fields[2], ":")
		high, err1 := strconv.ParseUint(major, 10, 12)
		low, err2 := strconv.ParseUint(minor, 10, 20)
		if err1 != nil || err2 != nil {
			continue
		}
		list = append(list, mount{Dev: uint32(high<<20 | low), Root: unescape(fields[3]), Point: unescape(fields[4])})
	}
	return list
}

// unescape undoes the kernel's way of writing blanks and backslashes: three octal digits.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// AppendHostPath appends the path by which the host sees the event's file. Of several it is the process's own
// if that is one of them, else one below the mount that shows most of the file system. What is not located
// (a failed open) has its name on the host, and none elsewhere.
func (m *mounts) AppendHostPath(dst []byte, ev *pipeline.Event) ([]byte, bool) {
	fd := &ev.FD
	if !fd.Located || int(fd.InMount) > len(fd.Name) {
		if m.hostNS == 0 || ev.Proc.MntNS != m.hostNS || !strings.HasPrefix(fd.Name, "/") {
			return dst, false
		}
		return append(dst, fd.Name...), true
	}
	m.refresh()
	start := len(dst)
	dst = appendComponents(dst, []byte(fd.Subtree))
	dst = append(dst, fd.Name[len(fd.Name)-int(fd.InMount):]...)
	end, found := len(dst), false
	for _, e := range m.byDev[fd.Dev] {
		rest, inside := cutDir(dst[start:end], e.Root)
		if !inside {
			continue
		}
		point := strings.TrimSuffix(e.Point, "/")
		if own := fd.Name == "/" && point == "" && len(rest) == 0 ||
			len(fd.Name) == len(point)+len(rest) && strings.HasPrefix(fd.Name, point) && fd.Name[len(point):] == string(rest); own {
			return append(dst[:start], fd.Name...), true
		}
		if !found {
			found = true
			dst = append(append(dst, point...), rest...)
		}
	}
	if !found {
		return dst[:start], false
	}
	dst = dst[:start+copy(dst[start:], dst[end:])]
	if len(dst) == start {
		dst = append(dst, '/')
	}
	return dst, true
}

// cutDir is path without the directory dir it lies in, or is; path "" is the root.
func cutDir(path []byte, dir string) (rest []byte, inside bool) {
	dir = strings.TrimSuffix(dir, "/")
	rest = bytes.TrimPrefix(path, []byte(dir))
	inside = len(rest)+len(dir) == len(path) && (len(rest) == 0 || rest[0] == '/')
	return rest, inside
}
