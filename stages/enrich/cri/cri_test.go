package cri

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	criapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/enrich/container"
)

// crio answers as CRI-O does, with what it is given.
type crio struct {
	criapi.UnimplementedRuntimeServiceServer
	noEvents bool // enable_pod_events = false, its default

	mu         sync.Mutex
	pods       map[string]*criapi.PodSandboxStatusResponse
	containers map[string]*criapi.ContainerStatusResponse
	stuck      string // id of a container whose status never comes
	events     chan *criapi.ContainerEventResponse
}

func (c *crio) Version(context.Context, *criapi.VersionRequest) (*criapi.VersionResponse, error) {
	return &criapi.VersionResponse{RuntimeName: "cri-o", RuntimeVersion: "1.32.1", RuntimeApiVersion: "v1"}, nil
}

func (c *crio) ListPodSandbox(context.Context, *criapi.ListPodSandboxRequest) (*criapi.ListPodSandboxResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	resp := &criapi.ListPodSandboxResponse{}
	for id := range c.pods {
		resp.Items = append(resp.Items, &criapi.PodSandbox{Id: id})
	}
	return resp, nil
}

func (c *crio) ListContainers(context.Context, *criapi.ListContainersRequest) (*criapi.ListContainersResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	resp := &criapi.ListContainersResponse{}
	for id := range c.containers {
		resp.Containers = append(resp.Containers, &criapi.Container{Id: id, PodSandboxId: "pod"})
	}
	return resp, nil
}

func (c *crio) ContainerStatus(ctx context.Context, req *criapi.ContainerStatusRequest) (*criapi.ContainerStatusResponse, error) {
	c.mu.Lock()
	resp, stuck := c.containers[req.GetContainerId()], c.stuck == req.GetContainerId()
	c.mu.Unlock()
	if stuck {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if resp == nil {
		return nil, status.Error(codes.NotFound, "no such container")
	}
	return resp, nil
}

func (c *crio) PodSandboxStatus(_ context.Context, req *criapi.PodSandboxStatusRequest) (*criapi.PodSandboxStatusResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	resp := c.pods[req.GetPodSandboxId()]
	if resp == nil {
		return nil, status.Error(codes.NotFound, "no such pod")
	}
	return resp, nil
}

func (c *crio) GetContainerEvents(_ *criapi.GetEventsRequest, stream criapi.RuntimeService_GetContainerEventsServer) error {
	if c.noEvents {
		return nil // so does CRI-O
	}
	for {
		select {
		case <-stream.Context().Done():
			return nil
		case event := <-c.events:
			if err := stream.Send(event); err != nil {
				return err
			}
		}
	}
}

func (c *crio) add(id string, resp *criapi.ContainerStatusResponse) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.containers[id] = resp
}

const crioInfo = `{"sandboxID": "pod", "pid": 7, "privileged": true, "runtimeSpec": {"annotations": {}, "linux": {"maskedPaths": ["/proc/kcore"]}}}`

func newCRIO() *crio {
	return &crio{
		pods: map[string]*criapi.PodSandboxStatusResponse{"pod": {
			Status: &criapi.PodSandboxStatus{
				Id: "pod", Metadata: &criapi.PodSandboxMetadata{Name: "web-0", Namespace: "shop", Uid: "u"},
				Network: &criapi.PodSandboxNetworkStatus{Ip: "10.0.0.7"}, Labels: map[string]string{"app": "web"},
				Linux: &criapi.LinuxPodSandboxStatus{Namespaces: &criapi.Namespace{Options: &criapi.NamespaceOption{Pid: criapi.NamespaceMode_NODE}}},
			},
			Info: map[string]string{"info": `{"runtimeSpec": {"annotations": {"io.kubernetes.cri-o.CNIResult": "{\"ips\": []}"}}}`},
		}},
		containers: map[string]*criapi.ContainerStatusResponse{"app": crioContainer("app")},
		events:     make(chan *criapi.ContainerEventResponse),
	}
}

func crioContainer(id string) *criapi.ContainerStatusResponse {
	return &criapi.ContainerStatusResponse{
		Status: &criapi.ContainerStatus{
			Id: id, Metadata: &criapi.ContainerMetadata{Name: "server"},
			Image: &criapi.ImageSpec{Image: "quay.example/shop/web:2"}, ImageRef: "quay.example/shop/web@sha256:0d", ImageId: "sha256:1d",
			Labels: map[string]string{container.LabelPodName: "web-0", container.LabelPodNamespace: "shop"},
			Mounts: []*criapi.Mount{{HostPath: "/etc", ContainerPath: "/x", Readonly: true, Propagation: criapi.MountPropagation_PROPAGATION_BIDIRECTIONAL}},
		},
		Info: map[string]string{"info": crioInfo},
	}
}

// serve starts the runtime and returns a connection to it.
func serve(t *testing.T, c *crio) *grpc.ClientConn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	criapi.RegisterRuntimeServiceServer(s, c)
	go s.Serve(l) // ends with Stop
	t.Cleanup(s.Stop)
	conn, err := grpc.NewClient("unix://"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// noted is a Cache that tells what it is told.
type noted struct {
	mu    sync.Mutex
	all   map[string]container.Described
	steps chan string
}

func newNoted() *noted {
	return &noted{all: map[string]container.Described{}, steps: make(chan string, 10000)}
}

func (n *noted) Put(found ...container.Described) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, f := range found {
		n.all[f.Container.ID] = f
		n.steps <- "put " + f.Container.ID
	}
}

func (n *noted) Listed(_ time.Time, ids []string) {
	n.steps <- fmt.Sprint("listed ", slices.Sorted(slices.Values(ids)))
}
func (n *noted) Remove(id string) { n.steps <- "remove " + id }
func (n *noted) Known(id string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, ok := n.all[id]
	return ok
}

// expect waits for steps, in any order.
func (n *noted) expect(t *testing.T, steps ...string) {
	t.Helper()
	missing := map[string]bool{}
	for _, s := range steps {
		missing[s] = true
	}
	for timeout := time.After(10 * time.Second); len(missing) > 0; {
		select {
		case s := <-n.steps:
			delete(missing, s)
		case <-timeout:
			t.Fatalf("waited in vain for %v", slices.Sorted(maps.Keys(missing)))
		}
	}
}

// follow runs an engine against the runtime until the test ends.
func follow(t *testing.T, c *crio) (*Engine, *noted) {
	t.Helper()
	cache := newNoted()
	e := New(serve(t, c), cache, slog.New(slog.DiscardHandler))
	v, err := e.Version(t.Context())
	if err != nil || v != (container.Version{Name: "cri-o", Text: "1.32.1"}) {
		t.Fatalf("Version = %+v, %v", v, err)
	}
	e.listEvery = 10 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Watch(ctx, func(n int) { cache.steps <- fmt.Sprint("ready ", n) }) }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return e, cache
}

func TestFollowsEvents(t *testing.T) {
	c := newCRIO()
	_, cache := follow(t, c)
	cache.expect(t, "put pod", "put app", "listed [app pod]", "ready 2")
	want := container.Described{Sandbox: "pod", Joins: []string{"pid", "network", "ipc"}, Container: &pipeline.Container{
		ID: "app", Name: "server", Type: "cri-o", Privileged: true, Complete: true, SandboxID: "pod",
		Image: "quay.example/shop/web:2", Repository: "quay.example/shop/web", Tag: "2", Digest: "sha256:0d", ImageID: "1d",
		PodName: "web-0", PodNS: "shop", Mounts: []pipeline.Mount{{Source: "/etc", Dest: "/x", Propagation: "rshared"}},
		Labels:    map[string]string{container.LabelPodName: "web-0", container.LabelPodNamespace: "shop"},
		LabelText: "io.kubernetes.pod.name:web-0, io.kubernetes.pod.namespace:shop",
	}}
	if diff := cmp.Diff(want, cache.all["app"]); diff != "" {
		t.Errorf("container (-want +got):\n%s", diff)
	}
	wantPod := container.Described{Sandbox: "pod", Container: &pipeline.Container{
		ID: "pod", Name: "pod", Type: "cri-o", Complete: true, SandboxID: "pod", PodName: "web-0", PodNS: "shop", PodUID: "u",
		Labels: map[string]string{"app": "web"}, LabelText: "app:web", HostPID: true, IP: "10.0.0.7", CNI: `{"ips":[]}`,
	}}
	if diff := cmp.Diff(wantPod, cache.all["pod"]); diff != "" {
		t.Errorf("sandbox (-want +got):\n%s", diff)
	}
	c.add("next", crioContainer("next"))
	c.events <- &criapi.ContainerEventResponse{ContainerId: "next", ContainerEventType: criapi.ContainerEventType_CONTAINER_CREATED_EVENT}
	cache.expect(t, "put next", "put pod")
	c.events <- &criapi.ContainerEventResponse{ContainerId: "next", ContainerEventType: criapi.ContainerEventType_CONTAINER_DELETED_EVENT}
	cache.expect(t, "remove next")
}

// Without events a container is found when it is asked for, and by the next list.
func TestDoesWithoutEvents(t *testing.T) {
	c := newCRIO()
	c.noEvents = true
	e, cache := follow(t, c)
	cache.expect(t, "ready 2")
	c.add("next", crioContainer("next"))
	found, err := e.LookUp(t.Context(), "next")
	if err != nil || len(found) != 2 || found[0].Container.ID != "next" || found[1].Container.ID != "pod" {
		t.Errorf("LookUp = %v, %v; want the container and its pod", found, err)
	}
	if found, err := e.LookUp(t.Context(), "pod"); err != nil || len(found) != 1 || found[0].Container.PodName != "web-0" {
		t.Errorf("LookUp of a sandbox = %v, %v", found, err)
	}
	if found, err := e.LookUp(t.Context(), "../made up"); err != nil || len(found) != 0 {
		t.Errorf("LookUp of no container = %v, %v; want nothing", found, err)
	}
	cache.expect(t, "put next", "listed [app next pod]")
	c.mu.Lock()
	delete(c.containers, "app")
	c.mu.Unlock()
	cache.expect(t, "listed [next pod]")
}

func TestAStuckContainerHidesNoOther(t *testing.T) {
	c := newCRIO()
	c.add("stuck", crioContainer("stuck"))
	c.stuck = "stuck"
	_, cache := follow(t, c)
	cache.expect(t, "put app", "ready 3")
	if cache.Known("stuck") {
		t.Error("a container that was never told of is known")
	}
}

func TestPrivilegedIsWhatTheRuntimeSays(t *testing.T) {
	for info, want := range map[string]bool{
		`{"config": {"linux": {"security_context": {"privileged": true}}}, "runtimeSpec": {"linux": {"seccomp": {}}}}`: true,  // containerd
		`{"config": {"linux": {"security_context": {"privileged": false}}}, "runtimeSpec": {"linux": {}}}`:             false, // the guess would be wrong
		`{"privileged": true, "runtimeSpec": {"linux": {"maskedPaths": ["/proc/kcore"]}}}`:                             true,  // CRI-O
		`{"privileged": false, "runtimeSpec": {"linux": {}}}`:                                                          false,
		`{"runtimeSpec": {"linux": {"securityContext": {"privileged": true}, "seccomp": {}}}}`:                         true,
		`{"runtimeSpec": {"linux": {}}}`: true, // a guess
		`{}`:                             false,
		``:                               false,
		`{"privileged": "yes"}`:          false, // of another form: nothing is known
	} {
		v := readVerbose(map[string]string{"info": info})
		if got := v.privileged(); got != want {
			t.Errorf("privileged of %s = %v, want %v", info, got, want)
		}
	}
}

func TestImagesByTheirNames(t *testing.T) {
	const hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for sentence, c := range map[string]struct {
		status *criapi.ContainerStatus
		want   pipeline.Container
	}{
		"an id for a name, and what the pod asked for": {
			&criapi.ContainerStatus{Image: &criapi.ImageSpec{Image: hex, UserSpecifiedImage: "nginx:1"}, ImageRef: "docker.io/library/nginx@sha256:2"},
			pipeline.Container{Image: "nginx:1", Repository: "nginx", Tag: "1", Digest: "sha256:2", ImageID: hex},
		},
		"an id for a name, and nothing but the digest": {
			&criapi.ContainerStatus{Image: &criapi.ImageSpec{Image: hex}, ImageRef: "docker.io/library/nginx@sha256:2"},
			pipeline.Container{Image: "docker.io/library/nginx@sha256:2", Repository: "docker.io/library/nginx", Digest: "sha256:2", ImageID: hex},
		},
		"nothing but ids": {
			&criapi.ContainerStatus{Image: &criapi.ImageSpec{Image: "sha256:" + hex}, ImageRef: "sha256:" + hex},
			pipeline.Container{Image: "sha256:" + hex, ImageID: hex},
		},
		"asked for by digest": {
			&criapi.ContainerStatus{Image: &criapi.ImageSpec{Image: "a/b:1@sha256:3"}, ImageRef: "a/b@sha256:2"},
			pipeline.Container{Image: "a/b:1@sha256:3", Repository: "a/b", Tag: "1", Digest: "sha256:3"},
		},
	} {
		var got pipeline.Container
		setImage(&got, c.status)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", sentence, diff)
		}
	}
}
