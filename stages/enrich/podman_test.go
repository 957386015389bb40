package enrich

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/enrich/runtimetest"
)

// TestPodman follows a real Podman over the API that is Docker's.
func TestPodman(t *testing.T) {
	p := runtimetest.StartPodman(t)
	before := p.RunContainer("--name", "web", "--privileged", "--label", "team=shop", "--volume", "/etc:/host/etc:ro", p.Image, "/bin/sleep", "600")
	e := watch(t, p.Socket)
	got := known(t, e, "a container from before is listed", before)
	want := &pipeline.Container{ID: before, Name: "web", Type: "podman", Complete: true, Privileged: true, HostNetwork: true,
		Image: p.Image, Repository: "localhost/shop/box", Tag: "1.2", Labels: map[string]string{"team": "shop"}, LabelText: "team:shop",
		ImageID: p.Run("image", "inspect", "--format", "{{.Id}}", p.Image), Digest: p.Run("image", "inspect", "--format", "{{.Digest}}", p.Image),
		Mounts: []pipeline.Mount{{Source: "/etc", Dest: "/host/etc", Propagation: "rprivate"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("container from before (-want +got):\n%s", diff)
	}

	next := p.RunContainer("--name", "next", "--pid", "host", p.Image, "/bin/sleep", "600")
	if got := known(t, e, "a new container is told of", next); got.Name != "next" || got.Privileged || !got.HostPID {
		t.Errorf("new container = %+v", got)
	}
	p.Run("rename", "next", "renamed")
	runtimetest.Eventually(t, "a new name is told", func() bool { return e.cache.get(next).Name == "renamed" })
	p.Run("rm", "--force", "--time", "0", "renamed")
	runtimetest.Eventually(t, "it is told what is gone", func() bool {
		e.cache.mu.Lock()
		defer e.cache.mu.Unlock()
		_, gone := e.cache.removed[next]
		return gone
	})

	e.cache.forget(before)
	askFor(e, before)
	known(t, e, "a container seen first in an event is asked for", before)
	askFor(e, "web") // a name is no id, though Podman takes it for one
	askFor(e, "no-such-container")
	runtimetest.Eventually(t, "what is not known is counted", func() bool { return e.Stats().NotFound == 2 })

	p.Stop()
	p.Start()
	after := p.RunContainer(p.Image, "/bin/sleep", "600")
	known(t, e, "after a restart containers are told of again", after)
}
