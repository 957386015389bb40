package enrich

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/enrich/container"
	"github.com/tocsin-security/tocsin/stages/enrich/runtimetest"
)

var withoutMounts = cmpopts.IgnoreFields(pipeline.Container{}, "Mounts", "Learned")

// TestContainerd follows a real containerd: containers from before, new ones, one asked for, a restart.
func TestContainerd(t *testing.T) {
	r := runtimetest.StartContainerd(t)
	r.Run("default", "before", "--label", "nerdctl/name=web", "--label", "team=shop")
	e := watch(t, r.Socket, "containerd:"+r.Socket+".none")

	got := known(t, e, "a container from before is listed", "before")
	want := &pipeline.Container{ID: "before", Name: "web", Type: "containerd", Complete: true,
		Labels: map[string]string{"nerdctl/name": "web", "team": "shop"}, LabelText: "nerdctl/name:web, team:shop"}
	if diff := cmp.Diff(want, got, withoutMounts); diff != "" {
		t.Errorf("container from before (-want +got):\n%s", diff)
	}
	if all := got.Mounts; !slices.Contains(all, pipeline.Mount{Source: "proc", Dest: "/proc", Writable: true}) {
		t.Errorf("mounts of the container = %v, want /proc among them", all)
	}

	pid := r.Run("k8s.io", "pod-app", "--privileged", "--label", container.LabelPodName+"=app-0", "--label", container.LabelPodNamespace+"=shop")
	known(t, e, "a new container is told of", "pod-app")
	p := &pipeline.Process{PID: pid, ContainerID: "pod-app", EUID: 1000, GID: 1000, MntNS: mountNS(t, pid)}
	e.Resolve(p)
	if c := p.Container; c.PodName != "app-0" || c.PodNS != "shop" || c.Name != "pod-app" || !c.Privileged {
		t.Errorf("new container = %+v", c)
	}
	if p.User != "app" || p.Group != "<NA>" {
		t.Errorf("user, group in the container = %q, %q; want app and none", p.User, p.Group)
	}

	e.cache.forget("before") // as if its event had been lost
	askFor(e, "before")
	known(t, e, "a container seen first in an event is asked for", "before")

	r.Stop()
	r.Start()
	r.Run("default", "after")
	known(t, e, "after a restart containers are told of again", "after")
}

// An image's digest and id come from the image store, for a container of the API's own and one of a pod.
func TestContainerdKnowsImagesAndPods(t *testing.T) {
	r := runtimetest.StartContainerd(t)
	e := watch(t, r.Socket)
	if err := r.Ctr("run", "--detach", r.Image.Name, "plain"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Remove("default", "plain") })
	pod := r.RunPod("web-0", true)
	app := pod.Create("app", r.Image, true, "/bin/sleep", "600")
	pod.Start(app)
	side := pod.Create("side", r.Image, false, "/bin/sleep", "600")

	plain := known(t, e, "a container of an image", "plain")
	image := pipeline.Container{Image: r.Image.Name, Repository: "registry.example/shop/box", Tag: "1.2", Digest: r.Image.Digest}
	if got := (pipeline.Container{Image: plain.Image, Repository: plain.Repository, Tag: plain.Tag, Digest: plain.Digest}); !cmp.Equal(got, image) {
		t.Errorf("image of a container = %+v, want %+v", got, image)
	}
	checkPod(t, e, r, pod, r.Image.Digest, app, side)

	// The same once more, listed.
	e = watch(t, r.Socket)
	checkPod(t, e, r, pod, r.Image.Digest, app, side)
	if got := known(t, e, "a container of an image is listed", "plain"); got.Digest != r.Image.Digest {
		t.Errorf("digest in a list = %q, want %q", got.Digest, r.Image.Digest)
	}
}

// checkPod compares what is known of a pod's privileged container app, its container side and its sandbox.
func checkPod(t *testing.T, e *Enricher, r *runtimetest.Containerd, pod *runtimetest.Pod, digest, app, side string) {
	t.Helper()
	labels := map[string]string{container.LabelPodName: "web-0", container.LabelPodNamespace: "shop", container.LabelPodUID: "uid-of-web-0"}
	for id, name := range map[string]string{app: "app", side: "side"} {
		got := known(t, e, "a pod's container", id)
		want := &pipeline.Container{ID: id, Name: name, Type: "containerd", Complete: true, Privileged: id == app,
			Image: r.Image.Name, Repository: "registry.example/shop/box", Tag: "1.2", Digest: digest, ImageID: r.Image.ID,
			PodName: "web-0", PodNS: "shop", PodUID: "uid-of-web-0", PodLabels: map[string]string{"app": "web"}, PodLabelText: "app:web",
			SandboxID: pod.ID, HostNetwork: true}
		for k, v := range labels {
			if got.Labels[k] != v {
				t.Errorf("label %s of %s = %q, want %q", k, name, got.Labels[k], v)
			}
		}
		ignore := cmpopts.IgnoreFields(pipeline.Container{}, "Mounts", "Labels", "LabelText")
		if diff := cmp.Diff(want, got, ignore); diff != "" {
			t.Errorf("container %s (-want +got):\n%s", name, diff)
		}
	}
	sandbox := known(t, e, "a pod's sandbox", pod.ID)
	if sandbox.SandboxID != pod.ID || sandbox.Image != "" || sandbox.PodName != "web-0" || !sandbox.HostNetwork || !sandbox.Privileged {
		t.Errorf("sandbox = %+v", sandbox)
	}
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
