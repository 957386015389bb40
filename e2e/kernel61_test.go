package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// oldKernel is Debian 12's, where scripts/setup.sh puts it.
const oldKernel = "/usr/local/lib/tocsin/vmlinuz-6.1"

// oldInit records what the program does, writes the capture to the serial line and switches off.
const oldInit = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp
mount -t cgroup2 cgroup /sys/fs/cgroup
ifconfig lo 127.0.0.1 up
tocsin record -o /tmp/capture 2>/tmp/log & pid=$!
until grep -q recording /tmp/log; do sleep 1; kill -0 $pid || break; done
for action in $(events list); do events $action /tmp/$action; done
kill $pid; wait $pid
cat /tmp/log
echo BEGIN; base64 /tmp/capture; echo END
poweroff -f
`

// A kernel without much that newer ones have (direct loads of fields, io_uring that listens) takes the same programs and
// tells the same of every event. It runs in an emulator: no rights are needed, and no virtualisation.
func TestEveryEventOnLinux61(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the old kernel is for amd64")
	}
	needTool(t, "qemu-system-x86_64")
	needTool(t, "busybox")
	_, err := os.Stat(oldKernel)
	need(t, err == nil, "Debian's kernel 6.1 at "+oldKernel)
	root := t.TempDir()
	for _, dir := range []string{"bin", "proc", "sys", "dev", "tmp"} {
		must(t, os.Mkdir(filepath.Join(root, dir), 0o755))
	}
	busybox, err := exec.LookPath("busybox")
	must(t, err)
	for name, from := range map[string]string{"busybox": busybox, "tocsin": binary, "events": compile(t, "testdata/events.c")} {
		copyProgram(t, from, filepath.Join(root, "bin", name))
	}
	must(t, os.WriteFile(filepath.Join(root, "init"), []byte(oldInit), 0o755))

	l := newLayout(t, eventRules())
	capture := filepath.Join(l.dir, "capture.tocsin")
	must(t, os.WriteFile(capture, boot(t, root), 0o600))
	seen := eventsSeen(t, replayed(t, l, capture))
	for name, want := range eventCases() {
		switch action := actionOf(name); action {
		case "fchmodat2": // since 6.6
		case "setxattrat", "removexattrat": // since 6.13
		case "pivot_root": // not from an initial RAM disk
		default:
			t.Run(name, func(t *testing.T) { want.check(t, "/tmp/"+action, seen["host "+action]) })
		}
	}
}

// boot starts the old kernel with root as its file system and returns what it wrote between BEGIN and END.
func boot(t *testing.T, root string) []byte {
	t.Helper()
	disk := filepath.Join(t.TempDir(), "initrd")
	pack := exec.Command("busybox", "sh", "-c", "find . | busybox cpio -o -H newc >"+disk)
	pack.Dir = root
	if out, err := pack.CombinedOutput(); err != nil {
		t.Fatalf("pack the file system: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute) // a quarter of one on an idle machine
	defer cancel()
	out, err := exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "1024", "-nographic", "-nic", "none",
		"-no-reboot", "-kernel", oldKernel, "-initrd", disk, "-append", "console=ttyS0 quiet panic=-1").CombinedOutput()
	_, rest, begun := bytes.Cut(out, []byte("BEGIN\r\n"))
	text, _, ended := bytes.Cut(rest, []byte("END\r\n"))
	if err != nil || !begun || !ended || len(text) == 0 {
		t.Fatalf("the machine wrote no capture: %v\n%s", err, out)
	}
	capture, err := base64.StdEncoding.DecodeString(string(text)) // skips line ends
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return capture
}
