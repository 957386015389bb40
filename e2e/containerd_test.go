package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// containerd is one of the test's own.
type containerd struct {
	dir    string
	socket string
	daemon *exec.Cmd
}

func startContainerd(t *testing.T) *containerd {
	t.Helper()
	needRoot(t)
	needTool(t, "containerd")
	needTool(t, "ctr")
	dir, err := os.MkdirTemp("", "ctd") // short: a socket's path has 107 bytes at most
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &containerd{dir: dir, socket: filepath.Join(dir, "c.sock")}
	config := fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = %q\n[ttrpc]\naddress = %q\n",
		dir+"/root", dir+"/state", r.socket, dir+"/t.sock")
	must(t, os.WriteFile(dir+"/config.toml", []byte(config), 0o600))
	r.daemon = exec.Command("containerd", "--config", dir+"/config.toml")
	must(t, r.daemon.Start())
	t.Cleanup(r.stop)
	eventually(t, "containerd answers", func() error { return exec.Command("ctr", "--address", r.socket, "namespaces", "list").Run() })
	return r
}

// stop ends the daemon; containers go on.
func (r *containerd) stop() {
	if r.daemon != nil {
		r.daemon.Process.Kill() // an error means that it is gone
		r.daemon.Wait()         // killed: its state says nothing
		r.daemon = nil
	}
}

func (r *containerd) ctr(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ctr", append([]string{"--address", r.socket, "--namespace", "default"}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("ctr %v: %v\n%s", args, err, out)
	}
}

// run starts a container that sleeps, on the root file system of c; it returns what removes it.
func (r *containerd) run(t *testing.T, c *container, id string) (remove func()) {
	t.Helper()
	r.ctr(t, "run", "--detach", "--label", "nerdctl/name=web", "--label", "team=shop", "--rootfs", filepath.Join(c.bundle, "rootfs"), id, "/bin/sleep", "600")
	removed := false
	remove = func() {
		if !removed {
			removed = true
			r.ctr(t, "tasks", "delete", "--force", id)
			r.ctr(t, "containers", "delete", id)
		}
	}
	t.Cleanup(remove)
	return remove
}
