package runtimetest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Containerd is a containerd, with the CRI plugin.
type Containerd struct {
	Socket string
	Root   string // folder of a root file system, for containers without an image
	Image  Image  // known in the namespaces default and k8s.io

	t      *testing.T
	dir    string
	daemon *exec.Cmd
	output bytes.Buffer // of the daemon; read once it has ended
	gone   map[string]bool
}

const containerdConfig = `version = 2
root = "DIR/root"
state = "DIR/state"
[grpc]
address = "DIR/c.sock"
[ttrpc]
address = "DIR/t.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "IMAGE"
disable_tcp_service = true
disable_apparmor = true
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "DIR/cni"
conf_dir = "DIR/cni"
`

// StartContainerd starts one that is stopped, with all its containers, when the test ends.
func StartContainerd(t *testing.T) *Containerd {
	t.Helper()
	Need(t, "containerd", "ctr", "runc", "busybox")
	dir := tempDir(t)
	r := &Containerd{Socket: filepath.Join(dir, "c.sock"), Root: filepath.Join(dir, "fs"), t: t, dir: dir, gone: map[string]bool{}}
	rootfs(t, r.Root)
	r.Image = MakeImage(t, "registry.example/shop/box:1.2", r.Root, dir)
	config := strings.NewReplacer("DIR", dir, "IMAGE", r.Image.Name).Replace(containerdConfig)
	if err := os.WriteFile(dir+"/config.toml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.unmount)
	r.Start()
	t.Cleanup(r.Stop)
	for _, namespace := range []string{"default", "k8s.io"} {
		if err := r.Ctr("--namespace", namespace, "images", "import", r.Image.Archive); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// Start starts the daemon, for the first time or again.
func (r *Containerd) Start() {
	r.t.Helper()
	r.daemon = exec.Command("containerd", "--config", r.dir+"/config.toml")
	r.daemon.Stderr = &r.output
	if err := r.daemon.Start(); err != nil {
		r.t.Fatal(err)
	}
	Eventually(r.t, "containerd answers, over CRI too", func() bool { return r.Ctr("namespaces", "list") == nil && r.criAnswers() })
}

// Stop ends the daemon without a warning; containers go on.
func (r *Containerd) Stop() {
	if r.daemon == nil {
		return
	}
	if err := r.daemon.Process.Kill(); err != nil {
		r.t.Errorf("stop containerd: %v", err)
	}
	r.daemon.Wait() // killed: its state says nothing
	r.daemon = nil
	if r.t.Failed() {
		r.t.Logf("containerd said, at the end:\n%s", r.output.Bytes()[max(0, r.output.Len()-4000):])
	}
}

// unmount undoes mounts that are left when the daemon was stopped before its containers.
func (r *Containerd) unmount() {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		r.t.Errorf("look for mounts that are left: %v", err)
	}
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[1], r.dir+"/") {
			exec.Command("umount", "-l", fields[1]).Run() // if it stays, removing its folder says so
		}
	}
}

// Ctr runs ctr with this containerd.
func (r *Containerd) Ctr(args ...string) error {
	out, err := exec.Command("ctr", append([]string{"--address", r.Socket}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ctr %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// Run runs a container of a root file system without an image, which sleeps until the test ends, with the
// flags of ctr run; it returns its first process's pid.
func (r *Containerd) Run(namespace, id string, flags ...string) int32 {
	r.t.Helper()
	args := append([]string{"--namespace", namespace, "run", "--detach"}, flags...)
	if err := r.Ctr(append(args, "--rootfs", r.Root, id, "/bin/sleep", "600")...); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { r.Remove(namespace, id) })
	out, err := exec.Command("ctr", "--address", r.Socket, "--namespace", namespace, "tasks", "list").Output()
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		var name string
		var pid int32
		if _, err := fmt.Sscan(line, &name, &pid); err == nil && name == id {
			return pid
		}
	}
	r.t.Fatalf("container %s is not among the tasks:\n%s", id, out)
	return 0
}

// Remove ends and removes a container, if that was not done before.
func (r *Containerd) Remove(namespace, id string) {
	r.t.Helper()
	if r.gone[id] {
		return
	}
	r.gone[id] = true
	for _, args := range [][]string{{"tasks", "delete", "--force", id}, {"containers", "delete", id}} {
		if err := r.Ctr(append([]string{"--namespace", namespace}, args...)...); err != nil {
			r.t.Error(err)
		}
	}
}
