package e2e

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// container is a runc bundle with a busybox root file system.
type container struct {
	id     string // 64 hex digits, as container engines name theirs
	bundle string

	hostNetwork  bool             // else a network of its own, in which only loopback is up
	capabilities []string         // none: the container's root may do nothing special
	mounts       []map[string]any // besides /proc
}

// capabilityNames are in the order of their numbers: include/uapi/linux/capability.h.
const capabilityNames = `CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
	NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT
	SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
	MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`

// ownCapabilities are all that this process has: what a privileged container gets here.
func ownCapabilities(t *testing.T) (names []string) {
	t.Helper()
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	must(t, unix.Capget(&head, &data[0]))
	have := uint64(data[1].Permitted)<<32 | uint64(data[0].Permitted)
	for i, name := range strings.Fields(capabilityNames) {
		if have>>i&1 == 1 {
			names = append(names, "CAP_"+name)
		}
	}
	return names
}

// newContainer lays out a bundle; nothing runs yet.
func newContainer(t *testing.T) *container {
	t.Helper()
	needRoot(t)
	needTool(t, "runc")
	needTool(t, "busybox")
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	c := &container{id: hex.EncodeToString(random), bundle: t.TempDir()}
	root := filepath.Join(c.bundle, "rootfs")
	for _, dir := range []string{"bin", "etc", "proc", "dev", "tmp", "sys"} {
		must(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	busybox, err := exec.LookPath("busybox")
	must(t, err)
	binary, err := os.ReadFile(busybox)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(root, "bin/busybox"), binary, 0o755))
	for _, applet := range []string{"sh", "cat", "sleep", "nc", "true"} {
		must(t, os.Symlink("busybox", filepath.Join(root, "bin", applet)))
	}
	must(t, os.WriteFile(filepath.Join(root, "etc/passwd"), []byte("root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(root, "etc/shadow"), []byte("root:*:1::::::\n"), 0o644))
	return c
}

// run runs argv in the container as uid and returns what it printed; the container is gone afterwards.
func (c *container) run(t *testing.T, uid int, argv ...string) string {
	t.Helper()
	c.writeSpec(t, "rootfs", "/"+c.id, uid, argv)
	out, err := exec.Command("runc", "run", "--bundle", c.bundle, c.id).CombinedOutput()
	if err != nil {
		t.Fatalf("runc run %v: %v\n%s", argv, err, out)
	}
	return string(out)
}

// writeSpec writes the bundle's config.json.
func (c *container) writeSpec(t *testing.T, root, cgroup string, uid int, argv []string) {
	t.Helper()
	namespaces := []map[string]string{}
	kinds := []string{"pid", "mount", "ipc", "uts"}
	if !c.hostNetwork {
		kinds = append(kinds, "network")
	}
	for _, ns := range kinds {
		namespaces = append(namespaces, map[string]string{"type": ns})
	}
	spec := map[string]any{
		"ociVersion": "1.0.2",
		"process": map[string]any{
			"args": argv, "cwd": "/", "user": map[string]int{"uid": uid, "gid": uid},
			"env": []string{"PATH=/bin"}, "noNewPrivileges": true,
			"capabilities": map[string][]string{"bounding": c.capabilities, "effective": c.capabilities, "permitted": c.capabilities},
		},
		"root":   map[string]any{"path": root},
		"mounts": append([]map[string]any{{"destination": "/proc", "type": "proc", "source": "proc"}}, c.mounts...),
		"linux":  map[string]any{"namespaces": namespaces, "cgroupsPath": cgroup},
	}
	text, err := json.Marshal(spec)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(c.bundle, "config.json"), text, 0o644))
}

// shortID is what alerts show.
func (c *container) shortID() string { return c.id[:12] }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
