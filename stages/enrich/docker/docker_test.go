package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/enrich/container"
)

// daemon answers as the Docker Engine API's description says. No Docker runs on the machines that build
// this; a real Podman, which serves the same API, is in the tests of stages/enrich.
type daemon struct {
	t       *testing.T
	version string // answer to /version
	mu      sync.Mutex
	inspect map[string]string // answers by id
	asked   map[string]int
	events  chan string
}

const (
	idWeb   = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	idNew   = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	imageID = "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
)

const inspectWeb = `{"Id": "` + idWeb + `", "Name": "/web", "Image": "` + imageID + `",
	"Config": {"Image": "nginx:1.25", "Labels": {"team": "shop"}},
	"HostConfig": {"Privileged": true, "PidMode": "host", "NetworkMode": "bridge", "IpcMode": "private"},
	"Mounts": [{"Type": "bind", "Source": "/etc", "Destination": "/host/etc", "Mode": "ro", "RW": false, "Propagation": "rprivate"}],
	"NetworkSettings": {"IPAddress": "", "Networks": {"shop": {"IPAddress": "172.18.0.2"}, "bridge": {"IPAddress": "172.17.0.2"}}}}`

func (d *daemon) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	d.mu.Lock()
	d.asked[req.URL.Path]++
	d.mu.Unlock()
	path := strings.TrimPrefix(req.URL.Path, "/v1.44")
	id := strings.TrimSuffix(strings.TrimPrefix(path, "/containers/"), "/json")
	switch {
	case req.URL.Path == "/version":
		fmt.Fprint(w, d.version)
	case path == req.URL.Path:
		http.Error(w, `{"message":"the test speaks version 1.44 only"}`, http.StatusBadRequest)
	case path == "/containers/json":
		fmt.Fprintf(w, `[{"Id": %q}]`, idWeb)
	case path == "/images/"+imageID+"/json":
		fmt.Fprint(w, `{"RepoTags": ["nginx:1.25"], "RepoDigests": ["nginx@sha256:dd"]}`)
	case path == "/events":
		if req.URL.Query().Get("filters") != `{"type":["container"]}` {
			d.t.Errorf("events were asked for with %q", req.URL.RawQuery)
		}
		w.(http.Flusher).Flush()
		for {
			select {
			case <-req.Context().Done():
				return
			case ev := <-d.events:
				if ev == "" {
					return
				}
				fmt.Fprintln(w, ev)
				w.(http.Flusher).Flush()
			}
		}
	default:
		d.mu.Lock()
		answer := d.inspect[id]
		d.mu.Unlock()
		if answer == "" {
			http.Error(w, `{"message":"No such container"}`, http.StatusNotFound)
			return
		}
		fmt.Fprint(w, answer)
	}
}

const dockerVersion = `{"Version": "28.3.0", "ApiVersion": "1.51", "MinAPIVersion": "1.24", "Components": [{"Name": "Engine"}]}`

func serve(t *testing.T, version string) (*daemon, string) {
	t.Helper()
	d := &daemon{t: t, version: version, inspect: map[string]string{idWeb: inspectWeb}, asked: map[string]int{}, events: make(chan string)}
	path := filepath.Join(t.TempDir(), "d.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: d}
	go s.Serve(l) // ends with Close
	t.Cleanup(func() { s.Close() })
	return d, path
}

func dialer(socket string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
}

// cache tells what it is told.
type cache struct {
	container.Cache
	steps chan string
	last  container.Described // of the last put; read after its step
}

func (c *cache) Put(found ...container.Described) {
	for _, f := range found {
		c.last = f
		c.steps <- "put " + f.Container.Name
	}
}
func (c *cache) Listed(_ time.Time, ids []string) { c.steps <- fmt.Sprint("listed ", len(ids)) }
func (c *cache) Remove(id string)                 { c.steps <- "remove " + id[:3] }

func (c *cache) expect(t *testing.T, step string) {
	t.Helper()
	select {
	case got := <-c.steps:
		if got != step {
			t.Fatalf("step %q, want %q", got, step)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("waited in vain for %q", step)
	}
}

var limits = container.Limits{Message: 1 << 20, List: 1 << 20}

// Anybody can serve a socket: one that does not stop is not read to the end of the memory.
func TestADaemonWithoutEndIsNotReadOn(t *testing.T) {
	d, socket := serve(t, dockerVersion)
	told := &cache{steps: make(chan string, 10)}
	e := New(dialer(socket), limits, told, slog.New(slog.DiscardHandler))
	defer e.Close()
	if _, err := e.Version(t.Context()); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- e.Watch(t.Context(), func(int) {}) }()
	event, blanks := `{"Type": "network", "Action": `, strings.Repeat(" ", 1<<18)
	for range 8 { // more than a message in all, and none of them is too long
		d.events <- event + blanks + `"connect"}`
	}
	d.events <- event
	for range 64 { // some of which the sockets between us hold
		select {
		case d.events <- blanks:
		case err := <-ended:
			if err == nil {
				t.Error("Watch = nil, want an error")
			}
			return
		}
	}
	t.Error("an event without end is read on")
}

func TestAnImageOfManyNamesIsNotRemembered(t *testing.T) {
	e := New(nil, limits, nil, slog.New(slog.DiscardHandler))
	e.remember("few", image{RepoDigests: []string{"nginx@sha256:dd"}})
	e.remember("many", image{RepoDigests: []string{strings.Repeat("x", maxImageText)}})
	e.remember("built here", image{RepoTags: []string{"shop:1"}})
	for id, want := range map[string]bool{"few": true, "many": false, "built here": false} {
		if _, got := e.images.get(id); got != want {
			t.Errorf("the image of %s names is remembered: %v, want %v", id, got, want)
		}
	}
}

func TestFollowsADaemon(t *testing.T) {
	d, socket := serve(t, dockerVersion)
	told := &cache{steps: make(chan string, 10)}
	e := New(dialer(socket), limits, told, slog.New(slog.DiscardHandler))
	defer e.Close()
	v, err := e.Version(t.Context())
	if err != nil || v != (container.Version{Name: "docker", Text: "28.3.0"}) {
		t.Fatalf("Version = %+v, %v", v, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- e.Watch(t.Context(), func(n int) { told.steps <- fmt.Sprint("ready ", n) }) }()
	told.expect(t, "put web")
	want := container.Described{Container: &pipeline.Container{
		ID: idWeb, Name: "web", Type: "docker", Image: "nginx:1.25", Repository: "nginx", Tag: "1.25", Digest: "sha256:dd", ImageID: imageID[7:],
		Privileged: true, HostPID: true, IP: "172.17.0.2", Complete: true, Labels: map[string]string{"team": "shop"}, LabelText: "team:shop",
		Mounts: []pipeline.Mount{{Source: "/etc", Dest: "/host/etc", Mode: "ro", Propagation: "rprivate"}},
	}}
	if diff := cmp.Diff(want, told.last); diff != "" {
		t.Errorf("container (-want +got):\n%s", diff)
	}
	told.expect(t, "listed 1")
	told.expect(t, "ready 1")

	d.mu.Lock()
	d.inspect[idNew] = strings.NewReplacer(idWeb, idNew, "/web", "/new").Replace(inspectWeb)
	d.mu.Unlock()
	event := func(kind, action, id string) {
		d.events <- fmt.Sprintf(`{"Type": %q, "Action": %q, "Actor": {"ID": %q}}`, kind, action, id)
	}
	event("container", "exec_create: sh", idNew)
	event("network", "connect", idNew)
	event("container", "create", idNew)
	told.expect(t, "put new")
	d.mu.Lock()
	d.inspect[idNew] = strings.ReplaceAll(d.inspect[idNew], "/new", "/newer")
	d.mu.Unlock()
	event("container", "rename", idNew)
	told.expect(t, "put newer")
	event("container", "destroy", idNew)
	told.expect(t, "remove bbb")
	d.mu.Lock()
	if n := d.asked["/v1.44/images/"+imageID+"/json"]; n != 1 {
		t.Errorf("one image of three answers was read %d times", n)
	}
	d.mu.Unlock()
	d.events <- "" // the daemon ends
	if err := <-ended; err == nil {
		t.Error("Watch = nil when the daemon ended the stream")
	}
}

func TestLookUpTakesIdsOnly(t *testing.T) {
	d, socket := serve(t, dockerVersion)
	e := New(dialer(socket), limits, &cache{}, slog.New(slog.DiscardHandler))
	defer e.Close()
	if _, err := e.Version(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.inspect["web"], d.inspect[idWeb[:12]] = inspectWeb, inspectWeb
	for id, want := range map[string]int{idWeb: 1, "web": 0, idWeb[:12]: 0, "gone": 0, "../images/" + imageID: 0, "a?b#c": 0} {
		if found, err := e.LookUp(t.Context(), id); err != nil || len(found) != want {
			t.Errorf("LookUp(%q) = %v, %v; want %d", id, found, err, want)
		}
	}
}

func TestVersions(t *testing.T) {
	for answer, want := range map[string]string{
		dockerVersion: "docker 28.3.0",
		`{"Version": "5.4.2", "ApiVersion": "1.41", "Components": [{"Name": "Podman Engine"}]}`: "podman 5.4.2",
		`{"gitVersion": "v1.30"}`: "no Docker",
		`hello`:                   "read the answer to GET /version",
	} {
		_, socket := serve(t, answer)
		e := New(dialer(socket), limits, &cache{}, slog.New(slog.DiscardHandler))
		v, err := e.Version(t.Context())
		if got := fmt.Sprint(v.Name, " ", v.Text, err); !strings.Contains(got, want) {
			t.Errorf("Version of %s = %s, want %s", answer, got, want)
		}
		e.Close()
	}
	for _, c := range []struct{ least, most, want string }{
		{"1.24", "1.51", "1.44"}, {"1.12", "1.41", "1.41"}, {"1.45", "1.60", "1.45"}, {"", "1.9", "1.9"}, {"", "2.0", "1.44"},
	} {
		if got := chooseAPI(c.least, c.most); got != c.want {
			t.Errorf("chooseAPI(%q, %q) = %q, want %q", c.least, c.most, got, c.want)
		}
	}
}

func TestDescribe(t *testing.T) {
	for sentence, c := range map[string]struct {
		in   string
		want container.Described
	}{
		"a pod's container under cri-dockerd": {
			`{"Id": "i", "Name": "/k8s_app_web-0", "Image": "sha256:0a", "Config": {"Image": "shop/web:1", "Labels": {"io.kubernetes.container.name": "app",
				"io.kubernetes.pod.name": "web-0", "io.kubernetes.pod.namespace": "shop", "io.kubernetes.docker.type": "container", "io.kubernetes.sandbox.id": "s"}},
				"HostConfig": {"NetworkMode": "container:s", "IpcMode": "container:s"}}`,
			container.Described{Sandbox: "s", Joins: []string{"ipc", "network"}, Container: &pipeline.Container{ID: "i", Name: "app",
				Image: "shop/web:1", Repository: "shop/web", Tag: "1", PodName: "web-0", PodNS: "shop", SandboxID: "s"}},
		},
		"its sandbox": {
			`{"Id": "s", "Name": "/k8s_POD_web-0", "Image": "sha256:0b", "Config": {"Image": "pause:3", "Labels": {"io.kubernetes.docker.type": "podsandbox"}}, "HostConfig": {"NetworkMode": "host"}}`,
			container.Described{Sandbox: "s", Container: &pipeline.Container{ID: "s", Name: "k8s_POD_web-0", SandboxID: "s", HostNetwork: true}},
		},
		"asked for by the id of its image": {
			`{"Id": "i", "Name": "/x", "Image": "sha256:0a", "Config": {"Image": "sha256:0a"}}`,
			container.Described{Container: &pipeline.Container{ID: "i", Name: "x", Image: "named:2", Repository: "named", Tag: "2"}},
		},
	} {
		var in inspected
		if err := json.Unmarshal([]byte(c.in), &in); err != nil {
			t.Fatal(err)
		}
		got := describe(&in, image{RepoTags: []string{"named:2"}}, "docker")
		ignore := cmp.FilterPath(func(p cmp.Path) bool {
			switch p.Last().String() {
			case ".Labels", ".LabelText", ".Type", ".Complete", ".ImageID":
				return true
			}
			return false
		}, cmp.Ignore())
		if diff := cmp.Diff(c.want, got, ignore); diff != "" {
			t.Errorf("%s (-want +got):\n%s", sentence, diff)
		}
	}
}

// A daemon that answers without end, or not at all, costs what it may and no more.
func TestAnswersAreBounded(t *testing.T) {
	d, socket := serve(t, dockerVersion)
	e := New(dialer(socket), limits, &cache{}, slog.New(slog.DiscardHandler))
	defer e.Close()
	if _, err := e.Version(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.inspect[idWeb] = `{"Id": "` + strings.Repeat("x", int(limits.Message)) + `"}`
	if found, err := e.LookUp(t.Context(), idWeb); err == nil || len(found) != 0 {
		t.Errorf("LookUp of an endless answer = %d, %v; want an error", len(found), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.LookUp(ctx, idWeb); err == nil {
		t.Error("LookUp whose time is over = nil")
	}
}
