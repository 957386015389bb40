package enrich

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tocsin-security/tocsin/pipeline"
)

// runtime is a containerd of the test's own: its folders, its socket, its processes.
type runtime struct {
	t      *testing.T
	dir    string
	socket string
	daemon *exec.Cmd
	output bytes.Buffer // of the daemon; read once it has ended
}

// need skips the test without what it takes; under CI that is a failure.
func need(t *testing.T, root bool, tools ...string) {
	t.Helper()
	missing := func(why string) {
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	if root && os.Geteuid() != 0 {
		missing("not permitted: running containers takes root")
	}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			missing("not installed: " + tool)
		}
	}
}

func startRuntime(t *testing.T) *runtime {
	t.Helper()
	need(t, true, "containerd", "ctr", "runc", "busybox")
	dir, err := os.MkdirTemp("", "ctd") // short: a socket's path has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	r := &runtime{t: t, dir: dir, socket: filepath.Join(dir, "c.sock")}
	config := fmt.Sprintf(`version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = %q
[ttrpc]
address = %q
`, dir+"/root", dir+"/state", r.socket, dir+"/t.sock")
	if err := os.WriteFile(dir+"/config.toml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.rootfs(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove the runtime's folders: %v", err)
		}
	})
	r.start()
	t.Cleanup(r.stop)
	return r
}

// rootfs makes a root file system of one static busybox, with a user of its own.
func (r *runtime) rootfs() error {
	for _, sub := range []string{"bin", "etc", "proc", "dev", "sys", "tmp", "run"} {
		if err := os.MkdirAll(filepath.Join(r.dir, "fs", sub), 0o755); err != nil {
			return err
		}
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return err
	}
	b, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(r.dir, "fs/etc/passwd"), []byte("app:x:4242:4242::/:\n"), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.dir, "fs/bin/busybox"), b, 0o755)
}

func (r *runtime) start() {
	r.t.Helper()
	r.daemon = exec.Command("containerd", "--config", r.dir+"/config.toml")
	r.daemon.Stderr = &r.output
	if err := r.daemon.Start(); err != nil {
		r.t.Fatal(err)
	}
	eventually(r.t, "containerd answers", func() bool {
		return exec.Command("ctr", "--address", r.socket, "namespaces", "list").Run() == nil
	})
}

// stop ends the daemon; containers go on.
func (r *runtime) stop() {
	if r.daemon == nil {
		return
	}
	if err := r.daemon.Process.Kill(); err != nil {
		r.t.Errorf("stop containerd: %v", err)
	}
	r.daemon.Wait() // killed: its state says nothing
	r.daemon = nil
	if r.t.Failed() {
		r.t.Logf("containerd said:\n%s", r.output.String())
	}
}

func (r *runtime) ctr(args ...string) error {
	out, err := exec.Command("ctr", append([]string{"--address", r.socket}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ctr %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// run runs a container that sleeps until the test ends, with the flags of ctr run; it returns its first
// process's pid.
func (r *runtime) run(namespace, id string, flags ...string) int32 {
	r.t.Helper()
	args := append([]string{"--namespace", namespace, "run", "--detach"}, flags...)
	if err := r.ctr(append(args, "--rootfs", r.dir+"/fs", id, "/bin/busybox", "sleep", "600")...); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { r.remove(namespace, id) })
	out, err := exec.Command("ctr", "--address", r.socket, "--namespace", namespace, "tasks", "list").Output()
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

func (r *runtime) remove(namespace, id string) {
	r.t.Helper()
	for _, args := range [][]string{{"tasks", "delete", "--force", id}, {"containers", "delete", id}} {
		if err := r.ctr(append([]string{"--namespace", namespace}, args...)...); err != nil {
			r.t.Error(err)
		}
	}
}

// eventually waits for what another process does; there is nothing to be told by.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited 20 s in vain: %s", what)
}

// TestContainerd follows a real containerd: containers from before, new ones, one asked for, a restart.
func TestContainerd(t *testing.T) {
	r := startRuntime(t)
	r.run("default", "before", "--label", "nerdctl/name=web", "--label", "team=shop")

	e := New(Config{Containers: ContainersConfig{Sockets: Sockets{r.socket, r.dir + "/none.sock"}}}, "h", slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	known := func(id string) func() bool { return func() bool { return e.cache.get(id) != nil } }

	eventually(t, "a container from before is listed", known("before"))
	want := &pipeline.Container{ID: "before", Name: "web", Type: "containerd", Complete: true,
		Labels: map[string]string{"nerdctl/name": "web", "team": "shop"}, LabelText: "nerdctl/name:web, team:shop"}
	mounts := cmpopts.IgnoreFields(pipeline.Container{}, "Learned", "Mounts")
	if diff := cmp.Diff(want, e.cache.get("before"), mounts); diff != "" {
		t.Errorf("container from before (-want +got):\n%s", diff)
	}
	if all := e.cache.get("before").Mounts; !slices.Contains(all, pipeline.Mount{Source: "proc", Dest: "/proc", Writable: true}) {
		t.Errorf("mounts of the container = %v, want /proc among them", all)
	}

	pid := r.run("k8s.io", "pod-app", "--privileged", "--label", labelPodName+"=app-0", "--label", labelPodNamespace+"=shop")
	eventually(t, "a new container is told of", known("pod-app"))
	p := &pipeline.Process{PID: pid, ContainerID: "pod-app", EUID: 4242, GID: 4242, MntNS: mountNS(t, pid)}
	e.Resolve(p)
	if c := p.Container; c.PodName != "app-0" || c.PodNS != "shop" || c.Name != "pod-app" || !c.Privileged {
		t.Errorf("new container = %+v", c)
	}
	if p.User != "app" || p.Group != "<NA>" {
		t.Errorf("user, group in the container = %q, %q; want app and none", p.User, p.Group)
	}

	// As if its event had been lost.
	e.cache.known.Store(&map[string]*pipeline.Container{})
	p = &pipeline.Process{PID: -1, ContainerID: "before"}
	e.Resolve(p)
	eventually(t, "a container seen first in an event is asked for", known("before"))

	r.stop()
	r.start()
	r.run("default", "after")
	eventually(t, "after a restart containers are told of again", known("after"))
}

func mountNS(t *testing.T, pid int32) (ns uint32) {
	t.Helper()
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", pid))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(link, "mnt:[%d]", &ns); err != nil {
		t.Fatal(err)
	}
	return ns
}
