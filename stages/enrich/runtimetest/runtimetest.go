// Package runtimetest starts real container runtimes of a test's own: containerd with its CRI plugin, and
// Podman. Their folders, sockets and processes end with the test; nothing is pulled from anywhere.
package runtimetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Need skips the test without root or one of the tools; under CI that is a failure.
func Need(t *testing.T, tools ...string) {
	t.Helper()
	missing := func(why string) {
		t.Helper()
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	if os.Geteuid() != 0 {
		missing("not permitted: running containers takes root")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			missing("not installed: " + tool)
		}
	}
}

// Eventually waits for what another process does; there is nothing to be told by.
func Eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited 30 s in vain: %s", what)
}

// tempDir is a folder with a short name: a socket's path has 107 bytes at most.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rt")
	if err != nil {
		t.Fatal(err)
	}
	// Helpers of the runtimes clean up behind containers, on their own.
	t.Cleanup(func() {
		Eventually(t, "the runtime's folders are removed", func() bool { return os.RemoveAll(dir) == nil })
	})
	return dir
}

// rootfs makes a root file system of one static busybox below dir, with a user of its own.
func rootfs(t *testing.T, dir string) {
	t.Helper()
	for _, sub := range []string{"bin", "etc", "proc", "dev", "sys", "tmp", "run"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"bin/busybox": string(b),
		"etc/passwd":  "root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:\n",
		"etc/shadow":  "root:*:1::::::\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, applet := range []string{"sh", "cat", "sleep", "true"} {
		if err := os.Symlink("busybox", filepath.Join(dir, "bin", applet)); err != nil {
			t.Fatal(err)
		}
	}
}
