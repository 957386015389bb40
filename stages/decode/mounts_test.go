package decode

import (
	"os"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestMountTableIsRead(t *testing.T) {
	const table = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:57 / /run/a\040b\134c rw - overlay overlay rw
41 22 8:1 /var/lib/x /srv rw - ext4 /dev/sda1 rw
42 22 0:4 net:[4026531840] /run/netns/x rw - nsfs nsfs rw
43 22 4096:1 / /bad rw - none none rw
not a line
`
	want := []mount{{8<<20 | 1, "/", "/"}, {57, "/", `/run/a b\c`}, {8<<20 | 1, "/var/lib/x", "/srv"}}
	if diff := cmp.Diff(want, parseMounts(table)); diff != "" {
		t.Errorf("mounts (-want +got):\n%s", diff)
	}
}

// located is an open of name whose last below bytes lie in a mount of device dev at subtree.
func located(name string, below int, dev uint32, subtree string) pipeline.Sample {
	f := fileInfo{Mode: 0o100644, Dev: dev, Below: uint32(below), Flags: fileInMount}
	pieces := []piece{str(0, name)}
	if subtree != "" {
		f.Flags |= fileSubtree
	}
	pieces = append(pieces, fileOf(f, 0, components(name)))
	if subtree != "" {
		pieces = append(pieces, path(kindSubtree, ofResult, subtree))
	}
	return call(pipeline.EventOpen, 3, [6]uint64{}, pieces...)
}

func TestHostPaths(t *testing.T) {
	const disk, overlay, data = 8<<20 | 1, 57, 8<<20 | 2
	table := []mount{
		{disk, "/srv/shared", "/mnt/shared"}, {disk, "/", "/"}, {overlay, "/", "/run/c1/rootfs"}, {overlay, "/", "/var/lib/also"},
		{data, "/pods/1", "/var/lib/pods/one"},
	}
	unlocated := call(pipeline.EventOpen, -2, [6]uint64{}, str(0, "/etc/missing"))
	for name, c := range map[string]struct {
		sample pipeline.Sample
		mntNS  uint32 // 1 is the host's
		want   string // "": null
	}{
		"a file on the host has its own name":                    {located("/etc/shadow", 11, disk, ""), 1, "/etc/shadow"},
		"also where it is mounted twice":                         {located("/mnt/shared/f", 2, disk, "/srv/shared"), 1, "/mnt/shared/f"},
		"a container's root is where the host mounted it":        {located("/etc/shadow", 11, overlay, ""), 2, "/run/c1/rootfs/etc/shadow"},
		"a root that is a directory of the host":                 {located("/etc/shadow", 11, disk, "/tmp/rootfs"), 2, "/tmp/rootfs/etc/shadow"},
		"a volume of the host, mounted elsewhere":                {located("/data/f", 2, disk, "/srv/shared"), 2, "/srv/shared/f"},
		"a part of a disk of which the host shows a part":        {located("/data/f", 2, data, "/pods/1"), 2, "/var/lib/pods/one/f"},
		"another part of it":                                     {located("/data/f", 2, data, "/pods/12"), 2, ""},
		"a directory of that part":                               {located("/data/f", 2, data, "/pods/1/sub"), 2, "/var/lib/pods/one/sub/f"},
		"a file system that only the container has":              {located("/scratch/f", 2, 99, ""), 2, ""},
		"a mounted file":                                         {located("/etc/hosts", 0, disk, "/var/lib/c1/hosts"), 2, "/var/lib/c1/hosts"},
		"the root itself":                                        {located("/", 0, overlay, ""), 2, "/run/c1/rootfs"},
		"the host's root":                                        {located("/", 0, disk, ""), 1, "/"},
		"a path that was not found, on the host":                 {unlocated, 1, "/etc/missing"},
		"a path that was not found, in a container":              {unlocated, 2, ""},
		"a process that changed its namespace unseen is no host": {located("/etc/shadow", 11, 99, ""), 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDecoder(t)
			d.mounts.hostNS = 1
			d.mounts.set(table)
			snapshot, err := d.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Restore(snapshot); err != nil {
				t.Fatal(err)
			}
			ev := decode(t, d, c.sample)
			ev.Proc.MntNS = c.mntNS
			got, ok := ev.Mounts.AppendHostPath([]byte("="), ev)
			if ok != (c.want != "") || string(got) != "="+c.want {
				t.Errorf("host path %q, %v; want %q", got, ok, c.want)
			}
			if n := testing.AllocsPerRun(10, func() { got, _ = ev.Mounts.AppendHostPath(got[:0], ev) }); n > 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// The table is read again when the kernel says that it has changed, and only then.
func TestMountTableIsFollowed(t *testing.T) {
	if os.Getuid() != 0 && os.Getenv("CI") != "true" {
		t.Skip("mounting needs root")
	}
	runtime.LockOSThread() // never unlocked: the thread ends with its mount namespace
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	proc := t.TempDir()
	if err := os.Symlink("/proc/thread-self", proc+"/1"); err != nil {
		t.Fatal(err)
	}
	var m mounts
	noted := 0
	m.seed(proc, func(a answer) { noted = len(a.Mounts) })
	if m.changed() || len(m.list()) == 0 {
		t.Fatalf("%d mounts, changed at once", len(m.list()))
	}
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH) // or the folder cannot be removed
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	m.next = m.next.Add(-1e9)
	ev := &pipeline.Event{Proc: &pipeline.Process{}, FD: pipeline.FD{Located: true, Name: "/x/f", InMount: 2,
		Dev: unix.Major(st.Dev)<<20 | unix.Minor(st.Dev)}}
	if got, ok := m.AppendHostPath(nil, ev); !ok || string(got) != dir+"/f" {
		t.Errorf("host path %q, %v; want it below the new mount %s", got, ok, dir)
	}
	if noted != len(m.list()) {
		t.Errorf("%d mounts were noted for a capture, want all %d", noted, len(m.list()))
	}
}
