package sensor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// ownCgroup makes a cgroup that no other process is in. It returns what starts an act there, and the cgroup's
// number in the kernel.
func ownCgroup(t *testing.T) (enter func(*exec.Cmd), id uint64) {
	t.Helper()
	procs := makeCgroups(t)
	i := slices.IndexFunc(procs, func(p string) bool { return strings.Contains(p, "-v2/") })
	if i < 0 {
		t.Skip("clone3 knows the default hierarchy alone, and it is not mounted here")
	}
	dir, err := os.Open(filepath.Dir(procs[i]))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	return func(c *exec.Cmd) {
		c.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
	}, st.Ino
}

// makeCgroups makes a nested cgroup in the default hierarchy and, where there is one, in a v1
// hierarchy that container runtimes use, and returns their cgroup.procs files.
func makeCgroups(t *testing.T) (procs []string) {
	t.Helper()
	needKernel(t)
	name := fmt.Sprintf("tocsin-test-%d", os.Getpid())
	for kind, hierarchies := range map[string][]string{"v2": {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}, "v1": {"/sys/fs/cgroup/memory"}} {
		for _, h := range hierarchies {
			if _, err := os.Stat(h + "/cgroup.procs"); err != nil {
				continue
			}
			outer := filepath.Join(h, name+"-"+kind)
			inner := filepath.Join(outer, "inner")
			if err := os.MkdirAll(inner, 0o755); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := errors.Join(os.Remove(inner), os.Remove(outer)); err != nil {
					t.Error(err)
				}
			})
			procs = append(procs, inner+"/cgroup.procs")
		}
	}
	if len(procs) == 0 {
		t.Fatal("no cgroup hierarchy is mounted under /sys/fs/cgroup")
	}
	return procs
}
