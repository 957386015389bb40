package runtimetest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Podman is a Podman with its service for Docker's API.
type Podman struct {
	Socket string
	Image  string

	t      *testing.T
	dir    string
	daemon *exec.Cmd
	output bytes.Buffer
}

// StartPodman starts one that is stopped, with all its containers, when the test ends.
func StartPodman(t *testing.T) *Podman {
	t.Helper()
	Need(t, "podman", "runc", "busybox")
	dir := tempDir(t)
	p := &Podman{Socket: filepath.Join(dir, "p.sock"), Image: "localhost/shop/box:1.2", t: t, dir: dir}
	rootfs(t, dir+"/fs")
	if err := os.WriteFile(dir+"/fs.tar", tarOf(t, dir+"/fs"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Run("import", dir+"/fs.tar", p.Image)
	p.Start()
	t.Cleanup(p.Stop)
	t.Cleanup(func() { p.Run("rm", "--force", "--time", "0", "--all") })
	return p
}

// Run runs podman and returns what it printed.
func (p *Podman) Run(args ...string) string {
	p.t.Helper()
	cmd := p.command(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("podman %v: %v\n%s", args, err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// RunContainer runs a container in the host's network, with more flags, an image and a command; it returns
// its id.
func (p *Podman) RunContainer(args ...string) string {
	p.t.Helper()
	// Without limits given it asks for more open files than a container of ours may have.
	return p.Run(append([]string{"run", "--detach", "--network", "host", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"}, args...)...)
}

func (p *Podman) command(args ...string) *exec.Cmd {
	return exec.Command("podman", append([]string{
		"--root", p.dir + "/root", "--runroot", p.dir + "/runroot", "--tmpdir", p.dir + "/tmp", "--network-config-dir", p.dir + "/net",
		"--runtime", "runc", "--cgroup-manager", "cgroupfs", "--storage-driver", "vfs", "--events-backend", "file",
	}, args...)...)
}

// Start starts the service, for the first time or again.
func (p *Podman) Start() {
	p.t.Helper()
	p.daemon = p.command("system", "service", "--time", "0", "unix://"+p.Socket)
	p.daemon.Stderr = &p.output
	if err := p.daemon.Start(); err != nil {
		p.t.Fatal(err)
	}
}

// Stop ends the service; containers go on.
func (p *Podman) Stop() {
	if p.daemon == nil {
		return
	}
	if err := p.daemon.Process.Kill(); err != nil {
		p.t.Errorf("stop podman: %v", err)
	}
	p.daemon.Wait() // killed: its state says nothing
	p.daemon = nil
	if p.t.Failed() {
		p.t.Logf("podman said:\n%s", p.output.String())
	}
}
