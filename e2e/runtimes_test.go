package e2e

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/stages/enrich/runtimetest"
)

// firstExecRules tell everything about the container in which cat is executed, which is the first that a
// container of these tests does.
const firstExecRules = `
- rule: Cat executed
  desc: the first program of a container
  condition: evt.type = execve and evt.res = SUCCESS and container.id != host and proc.name = cat
  output: "%container.full_id %container.name %container.image %container.image.repository %container.image.tag %container.image.digest
    %container.image.id %container.type %container.privileged %container.labels %container.host_network
    %k8s.pod.name %k8s.ns.name %k8s.pod.uid %k8s.pod.labels %k8s.pod.full_sandbox_id"
  priority: WARNING
`

// executed is what alerts say of containers, by their ids.
func executed(t *testing.T, p *process) map[string]values {
	t.Helper()
	seen := map[string]values{}
	for _, line := range alertLines(t, p.stdout.String()) {
		v := alertFields(t, []byte(line))
		seen[v["container.full_id"]] = v
	}
	return seen
}

// watchRuntime starts tocsin with a runtime, and waits until that was found.
func watchRuntime(t *testing.T, socket string) *process {
	t.Helper()
	l := newLayout(t, firstExecRules)
	p := start(t, l.dir, "run", l.config("0s", "stdout_configs: [{format: json}]", fmt.Sprintf("enrich: {containers: {sockets: %s}}", socket)))
	eventually(t, "the runtime is found", func() error {
		if !strings.Contains(p.stderr.String(), "container runtime found") {
			return fmt.Errorf("the log says nothing of it:\n%s", p.stderr)
		}
		return nil
	})
	return p
}

// waitForExec waits for the alert of a container.
func waitForExec(t *testing.T, p *process, id string) (v values) {
	t.Helper()
	eventually(t, "an alert of "+id, func() error {
		if v = executed(t, p)[id]; v == nil {
			return fmt.Errorf("none came")
		}
		return nil
	})
	return v
}

// Pod, image, digest, labels and privileged are right from a container's first exec on, for a container of
// containerd's own and for those of a pod.
func TestContainersAreKnownFromTheirFirstExec(t *testing.T) {
	needRoot(t)
	r := runtimetest.StartContainerd(t)
	p := watchRuntime(t, r.Socket)
	image := values{"container.image": r.Image.Name, "container.image.repository": "registry.example/shop/box", "container.image.tag": "1.2",
		"container.image.digest": r.Image.Digest, "container.type": "containerd"}
	check := func(id string, want values) {
		t.Helper()
		got := waitForExec(t, p, id)
		for k, v := range image {
			want[k] = v
		}
		for k, v := range want {
			if got[k] != v {
				t.Errorf("%s of %s = %q, want %q", k, id, got[k], v)
			}
		}
	}
	must(t, r.Ctr("run", "--detach", "--privileged", "--label", "team=shop", "--label", "nerdctl/name=web", r.Image.Name, "tocsin-native", "/bin/cat", "/etc/shadow"))
	t.Cleanup(func() { r.Remove("default", "tocsin-native") })
	check("tocsin-native", values{"container.name": "web", "container.privileged": "true", "k8s.pod.name": "<nil>"})
	if got := executed(t, p)["tocsin-native"]["container.labels"]; !strings.Contains(got, "team:shop") {
		t.Errorf("labels = %q, want team:shop among them", got)
	}

	pod := r.RunPod("web-0", true)
	inPod := values{"container.image.id": r.Image.ID, "container.host_network": "true", "k8s.pod.name": "web-0", "k8s.ns.name": "shop",
		"k8s.pod.uid": "uid-of-web-0", "k8s.pod.labels": "app:web", "k8s.pod.full_sandbox_id": pod.ID}
	for name, privileged := range map[string]bool{"app": true, "side": false} {
		id := pod.Create(name, r.Image, privileged, "/bin/cat", "/etc/shadow")
		pod.Start(id)
		want := values{"container.name": name, "container.privileged": fmt.Sprint(privileged)}
		for k, v := range inPod {
			want[k] = v
		}
		check(id, want)
	}
}

// A container that lives some milliseconds is told by its name and image: its runtime tells of it before it
// starts it, and it is remembered for a while after its end.
func TestContainersOfMillisecondsAreKnown(t *testing.T) {
	needRoot(t)
	r := runtimetest.StartContainerd(t)
	p := watchRuntime(t, r.Socket)
	const containers = 10 // whose ids differ in the first 12 characters: dedupe looks at those
	for i := range containers {
		must(t, r.Ctr("run", "--rm", "--label", fmt.Sprintf("nerdctl/name=short-%d", i), r.Image.Name, fmt.Sprintf("s%d-tocsin", i), "/bin/cat", "/etc/shadow"))
	}
	for i := range containers {
		v := waitForExec(t, p, fmt.Sprintf("s%d-tocsin", i))
		got := [3]string{v["container.name"], v["container.image"], v["container.image.digest"]}
		if diff := cmp.Diff([3]string{fmt.Sprintf("short-%d", i), r.Image.Name, r.Image.Digest}, got); diff != "" {
			t.Errorf("container %d (-want +got):\n%s", i, diff)
		}
	}
}

// containerd is killed while containers start one after the other, and comes back. No alert is lost, and
// new containers are known again.
func TestContainerdIsKilledUnderLoad(t *testing.T) {
	needRoot(t)
	r := runtimetest.StartContainerd(t)
	p := watchRuntime(t, r.Socket)
	var started atomic.Int32
	stop, done := make(chan struct{}), make(chan []string)
	go func() {
		var ran []string
		for i := 0; ; i++ {
			select {
			case <-stop:
				done <- ran
				return
			default:
			}
			id := fmt.Sprintf("l%d-tocsin", i)
			if r.Ctr("run", "--rm", r.Image.Name, id, "/bin/cat", "/etc/passwd") == nil { // else containerd is away
				ran = append(ran, id)
			}
			started.Store(int32(len(ran)))
		}
	}()
	runs := func(n int32) {
		t.Helper()
		until := started.Load() + n
		eventually(t, "containers run", func() error {
			if now := started.Load(); now < until {
				return fmt.Errorf("%d ran, want %d", now, until)
			}
			return nil
		})
	}
	runs(5)
	for range 2 {
		r.Stop()
		r.Start()
		runs(5)
	}
	close(stop)
	ran := <-done
	for _, id := range ran {
		waitForExec(t, p, id)
	}
	const after = "tocsin-after"
	must(t, r.Ctr("run", "--rm", r.Image.Name, after, "/bin/cat", "/etc/passwd"))
	if v := waitForExec(t, p, after); v["container.image"] != r.Image.Name {
		t.Errorf("after the restarts, image = %q, want %q", v["container.image"], r.Image.Name)
	}
	if n := strings.Count(p.stderr.String(), "container runtime found"); n < 3 {
		t.Errorf("the runtime was found %d times, want 3", n)
	}
}

// A container of Podman is found by the id in its control group.
func TestPodmansContainersAreKnown(t *testing.T) {
	needRoot(t)
	r := runtimetest.StartPodman(t)
	p := watchRuntime(t, r.Socket)
	id := r.RunContainer("--name", "web", "--privileged", "--label", "team=shop", r.Image, "/bin/sh", "-c", "sleep 1; /bin/cat /etc/passwd; sleep 600")
	v := waitForExec(t, p, id)
	want := values{"container.name": "web", "container.image": r.Image, "container.type": "podman", "container.privileged": "true",
		"container.labels": "team:shop", "container.image.digest": r.Run("image", "inspect", "--format", "{{.Digest}}", r.Image)}
	for k, w := range want {
		if v[k] != w {
			t.Errorf("%s = %q, want %q", k, v[k], w)
		}
	}
}
