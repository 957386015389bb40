package enrich

import (
	"testing"

	"github.com/tocsin-security/tocsin/stages/enrich/runtimetest"
)

// CRI is containerd's second language. This containerd has no events over it, as CRI-O has none by default:
// what is there is listed, and what comes is asked for. Nor does it tell the digest of an image that was not
// pulled.
func TestCRI(t *testing.T) {
	r := runtimetest.StartContainerd(t)
	pod := r.RunPod("web-0", true)
	app := pod.Create("app", r.Image, true, "/bin/sleep", "600")
	e := watch(t, "cri:"+r.Socket)
	side := func() string {
		known(t, e, "a container from before is listed", app)
		return pod.Create("side", r.Image, false, "/bin/sleep", "600")
	}()
	askFor(e, side)
	checkPod(t, e, r, pod, "", app, side)

	e.cache.forget(pod.ID)
	e.cache.forget(app)
	askFor(e, app) // brings its sandbox along
	checkPod(t, e, r, pod, "", app, side)

	r.Stop()
	r.Start()
	after := pod.Create("after", r.Image, false, "/bin/sleep", "600")
	known(t, e, "after a restart containers are listed again", after)
	if got := e.cache.get(after); got.PodLabels["app"] != "web" {
		t.Errorf("container after a restart = %+v", got)
	}
}
