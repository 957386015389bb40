package enrich

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/stages/enrich/container"
	"github.com/tocsin-security/tocsin/stages/enrich/runtimetest"
)

// fakeDocker serves Docker's API with n containers at path; it returns what ends it.
func fakeDocker(t *testing.T, path, name string, n int) (stop func()) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"Version": "1", "ApiVersion": "1.44"}`) })
	mux.HandleFunc("/v1.44/events", func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/v1.44/containers/json", func(w http.ResponseWriter, _ *http.Request) {
		items := make([]string, n)
		for i := range items {
			items[i] = fmt.Sprintf(`{"Id": "%s%d"}`, name, i)
		}
		fmt.Fprintf(w, "[%s]", strings.Join(items, ","))
	})
	mux.HandleFunc("/v1.44/containers/{id}/json", func(w http.ResponseWriter, r *http.Request) {
		if id := r.PathValue("id"); strings.HasPrefix(id, name) {
			fmt.Fprintf(w, `{"Id": %q, "Name": "/of-%s"}`, id, name)
			return
		}
		http.NotFound(w, r)
	})
	s := &http.Server{Handler: mux}
	go s.Serve(l) // ends with Close
	stop = func() { s.Close() }
	t.Cleanup(stop)
	return stop
}

// hang accepts connections and never answers; it counts them.
func hang(t *testing.T, path string) *atomic.Int32 {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var taken atomic.Int32
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			taken.Add(1)
			go io.Copy(io.Discard, conn) // ends with the client
		}
	}()
	return &taken
}

func TestAHungRuntimeHoldsUpNobody(t *testing.T) {
	dir := t.TempDir()
	taken := hang(t, dir+"/a.sock")
	fakeDocker(t, dir+"/b.sock", "web", 1000)
	e := watch(t, dir+"/a.sock", dir+"/b.sock")
	known(t, e, "a runtime beside one that hangs", "web999")
	runtimetest.Eventually(t, "no question waits", func() bool { return len(e.cache.asks) == 0 })
	askFor(e, "web1000")
	known(t, e, "an answer beside one that hangs", "web1000")
	askFor(e, "nobody's")
	runtimetest.Eventually(t, "who answers does not know it", func() bool { return e.Stats().NotFound == 1 })
	if taken.Load() == 0 {
		t.Error("nobody asked the runtime that hangs")
	}
}

// A runtime that hangs in the middle of a question, not at the start, is no different.
func TestARuntimeThatHangsLater(t *testing.T) {
	dir := t.TempDir()
	cache := newContainerCache()
	all := newRuntimes(nil, cache, slog.New(slog.DiscardHandler))
	stuck, well := newRuntime(socket{path: dir + "/a"}, cache, all.log), newRuntime(socket{path: dir + "/b"}, cache, all.log)
	released := make(chan struct{})
	for r, e := range map[*runtime]engine{stuck: waiting{until: released}, well: waiting{}} {
		r.engine.Store(&e)
		all.alive[r] = true
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.answer(ctx) }()
		t.Cleanup(func() { cancel(); <-done })
	}
	var missing atomic.Int32
	for i := range 3 * runtimeQueue {
		all.ask(fmt.Sprint(i), func() { missing.Add(1) })
		runtimetest.Eventually(t, "the one that is well takes questions", func() bool { return len(well.questions) == 0 })
	}
	if n := len(stuck.questions); n != runtimeQueue {
		t.Errorf("%d questions wait for the one that hangs, want %d", n, runtimeQueue)
	}
	close(released)
	runtimetest.Eventually(t, "all are answered in the end", func() bool { return missing.Load() == 3*runtimeQueue })
}

// waiting is an engine that knows nothing, and says so after a while.
type waiting struct {
	engine
	until   chan struct{} // nil: at once
	counted chan struct{} // gets a word of each question; nil: none
}

func (w waiting) LookUp(ctx context.Context, _ string) ([]container.Described, error) {
	if w.until != nil {
		<-w.until
	}
	if w.counted != nil {
		w.counted <- struct{}{}
	}
	return nil, nil
}

func TestRuntimesThatComeLater(t *testing.T) {
	dir := t.TempDir()
	path := dir + "/d.sock"
	e := watch(t, path)
	stop := fakeDocker(t, path, "first", 1)
	known(t, e, "a runtime that is started after us", "first0")
	stop() // and its socket is gone with it
	fakeDocker(t, path, "second", 1)
	known(t, e, "a runtime that is started again", "second0")
}

func TestOneRuntimeByTwoPathsIsAskedOnce(t *testing.T) {
	dir := t.TempDir()
	fakeDocker(t, dir+"/d.sock", "web", 1)
	if err := os.Symlink("d.sock", dir+"/link.sock"); err != nil {
		t.Fatal(err)
	}
	e := watch(t, dir+"/link.sock", dir+"/d.sock")
	known(t, e, "a runtime by two paths", "web0")
	found := e.runtimes.find()
	e.runtimes.mu.Lock()
	defer e.runtimes.mu.Unlock()
	if len(found) != 0 || len(e.runtimes.alive) != 1 {
		t.Errorf("%d runtimes are watched, and %d more were found; want one", len(e.runtimes.alive), len(found))
	}
}

// Docker keeps its containers in containerd: both know the id, and Docker knows more.
func TestDockerOverContainerd(t *testing.T) {
	r := runtimetest.StartContainerd(t)
	r.Run(mobyTest, "web0")
	dir := t.TempDir()
	e := watch(t, r.Socket, dir+"/d.sock")
	if c := known(t, e, "what containerd knows of it", "web0"); c.Type != "docker" || c.Name != "web0" {
		t.Errorf("as containerd has it: %+v", c)
	}
	fakeDocker(t, dir+"/d.sock", "web", 1)
	runtimetest.Eventually(t, "Docker's word stands", func() bool { return e.cache.get("web0").Name == "of-web" })
	if err := r.Ctr("--namespace", mobyTest, "containers", "label", "web0", "a=b"); err != nil {
		t.Fatal(err)
	}
	r.Run(mobyTest, "later") // told after the label
	known(t, e, "another container of Docker's", "later")
	if got := e.cache.get("web0"); got.Name != "of-web" {
		t.Errorf("containerd's word stands against Docker's: %+v", got)
	}
}

const mobyTest = "moby"

func TestKnownSocketsBelowTheHostsRoot(t *testing.T) {
	root := t.TempDir()
	for _, path := range []string{"/run/crio/crio.sock", "/run/user/1000/podman/podman.sock", "/run/elsewhere.sock"} {
		if err := os.MkdirAll(filepath.Dir(root+path), 0o755); err != nil {
			t.Fatal(err)
		}
		hang(t, root+path)
	}
	if err := os.Symlink("run", root+"/var"); err != nil { // /var/run is /run/run: nothing is there
		t.Fatal(err)
	}
	if err := os.Chown(root+"/run/user/1000/podman/podman.sock", 1000, 1000); err != nil && os.Geteuid() == 0 {
		t.Fatal(err)
	}
	found, unseen := present(Sockets{auto, "podman:" + root + "/run/elsewhere.sock"}.patterns(root))
	want := []socket{{path: root + "/run/crio/crio.sock"}, {path: root + "/run/user/1000/podman/podman.sock", users: os.Geteuid() == 0},
		{path: root + "/run/elsewhere.sock", kind: kindDocker, named: true}}
	if diff := cmp.Diff(want, found, cmp.AllowUnexported(socket{})); diff != "" || len(unseen) != 0 {
		t.Errorf("found (-want +got), unseen %v:\n%s", unseen, diff)
	}
}

func TestParseSocket(t *testing.T) {
	for text, want := range map[string]socket{
		"/run/x.sock":            {path: "/run/x.sock", named: true},
		"unix:///run/x.sock":     {path: "/run/x.sock", named: true},
		"docker:/run/x.sock":     {path: "/run/x.sock", kind: kindDocker, named: true},
		"podman:/run/x.sock":     {path: "/run/x.sock", kind: kindDocker, named: true},
		"cri-o:///run/x.sock":    {path: "/run/x.sock", kind: kindCRI, named: true},
		"containerd:/run/x.sock": {path: "/run/x.sock", kind: kindContainerd, named: true},
		"/run/a:b.sock":          {path: "/run/a:b.sock", named: true},
	} {
		if got, err := parseSocket(text); err != nil || got != want {
			t.Errorf("parseSocket(%q) = %+v, %v, want %+v", text, got, err, want)
		}
	}
}
