// Package containerd speaks containerd's own API. It tells of every container of every namespace, whoever
// made it (ctr, nerdctl, Docker, the CRI plugin), from the moment it is created. What the CRI plugin keeps
// of pods comes with the containers, as their extensions; only a pod's address may have to be asked for.
package containerd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	eventsapi "github.com/containerd/containerd/api/services/events/v1"
	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	namespacesapi "github.com/containerd/containerd/api/services/namespaces/v1"
	versionapi "github.com/containerd/containerd/api/services/version/v1"
	"github.com/containerd/containerd/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	criapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/tocsin-security/tocsin/stages/enrich/container"
)

// Engine follows one containerd. Its methods are safe for concurrent use.
type Engine struct {
	containers containersapi.ContainersClient
	events     eventsapi.EventsClient
	images     imagesapi.ImagesClient
	namespaces namespacesapi.NamespacesClient
	version    versionapi.VersionClient
	cri        criapi.RuntimeServiceClient
	limits     container.Limits
	cache      container.Cache
	log        *slog.Logger
}

const (
	// One question must not hold up those behind it for longer.
	callTimeout = 2 * time.Second
	// A list of a thousand containers with their specifications is tens of megabytes, from a busy disk.
	listTimeout = time.Minute
)

// leastRead is what the least container is taken for, in bytes of a list: ours of it takes more than its message.
const leastRead = 256

// namespaceHeader names the containerd namespace of a call.
const namespaceHeader = "containerd-namespace"

// wantedTopics are the events after which a container's metadata is read, or dropped.
var wantedTopics = []string{
	`topic=="/containers/create"`, `topic=="/containers/update"`, `topic=="/containers/delete"`,
	`topic=="/tasks/start"`,
}

// New makes an Engine over a connection to containerd's socket, which stays the caller's.
func New(conn grpc.ClientConnInterface, limits container.Limits, cache container.Cache, log *slog.Logger) *Engine {
	return &Engine{
		containers: containersapi.NewContainersClient(conn),
		events:     eventsapi.NewEventsClient(conn),
		images:     imagesapi.NewImagesClient(conn),
		namespaces: namespacesapi.NewNamespacesClient(conn),
		version:    versionapi.NewVersionClient(conn),
		cri:        criapi.NewRuntimeServiceClient(conn),
		limits:     limits,
		cache:      cache,
		log:        log,
	}
}

// Version asks containerd for its version.
func (e *Engine) Version(ctx context.Context) (container.Version, error) {
	v, err := e.version.Version(ctx, &emptypb.Empty{})
	if err != nil {
		return container.Version{}, fmt.Errorf("ask containerd for its version: %w", err)
	}
	return container.Version{Name: "containerd", Text: v.GetVersion()}, nil
}

// Watch subscribes, lists what is there, calls ready, and follows the events until ctx or the connection
// ends. What falls between, as the server takes up both at its own pace, is asked for when its first event
// comes.
func (e *Engine) Watch(ctx context.Context, ready func(containers int)) error {
	ctx, cancel := context.WithCancel(ctx) // ends the stream when this function does
	defer cancel()
	stream, err := e.events.Subscribe(ctx, &eventsapi.SubscribeRequest{Filters: wantedTopics})
	if err != nil {
		return fmt.Errorf("subscribe to containerd's events: %w", err)
	}
	n, err := e.list(ctx)
	if err != nil {
		return err
	}
	ready(n)
	for {
		event, err := stream.Recv()
		if err != nil {
			return fmt.Errorf("receive containerd's events: %w", err)
		}
		e.handle(ctx, event)
	}
}

// list reads all containers of all namespaces.
func (e *Engine) list(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	began := time.Now()
	names, err := e.listNamespaces(ctx)
	if err != nil {
		return 0, err
	}
	var all []container.Described
	var ids []string
	left := e.limits.List
	for _, namespace := range names {
		found, err := e.listNamespace(inNamespace(ctx, namespace), &left)
		if err != nil {
			return 0, fmt.Errorf("list containerd's containers in %s: %w", namespace, err)
		}
		for _, d := range found {
			all, ids = append(all, inNamespaceOf(d, namespace)), append(ids, d.Container.ID)
		}
	}
	e.cache.Put(all...)
	e.cache.Listed(began, ids)
	return len(all), nil
}

// errTooMany ends a list: what is longer is no machine's.
var errTooMany = errors.New("they are more than is read at a time")

// listNamespace reads the containers of a namespace, which are at most left bytes.
func (e *Engine) listNamespace(ctx context.Context, left *int64) (all []container.Described, err error) {
	digests, err := e.listDigests(ctx)
	if err != nil {
		return nil, err
	}
	stream, err := e.containers.ListStream(ctx, &containersapi.ListContainersRequest{})
	if err != nil {
		return nil, err
	}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if *left -= int64(proto.Size(m)) + leastRead; *left < 0 {
			return nil, errTooMany
		}
		d := describe(m.GetContainer())
		setDigest(&d, func(image string) string { return digests[image] })
		all = append(all, d)
	}
}

func (e *Engine) listNamespaces(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := e.namespaces.List(ctx, &namespacesapi.ListNamespacesRequest{})
	if err != nil {
		return nil, fmt.Errorf("list containerd's namespaces: %w", err)
	}
	names := make([]string, 0, len(resp.GetNamespaces()))
	for _, ns := range resp.GetNamespaces() {
		names = append(names, ns.GetName())
	}
	return names, nil
}

// LookUp looks for one container in every namespace; what it finds may be followed by the pod's sandbox.
func (e *Engine) LookUp(ctx context.Context, id string) ([]container.Described, error) {
	names, err := e.listNamespaces(ctx)
	if err != nil {
		return nil, err
	}
	for _, namespace := range names {
		found, err := e.fetch(ctx, namespace, id)
		if len(found) > 0 || err != nil {
			return found, err
		}
	}
	return nil, nil
}

// fetch reads one container of a namespace, and its sandbox; nothing if there is no such container.
func (e *Engine) fetch(ctx context.Context, namespace, id string) ([]container.Described, error) {
	ctx, cancel := context.WithTimeout(inNamespace(ctx, namespace), callTimeout)
	defer cancel()
	resp, err := e.containers.Get(ctx, &containersapi.GetContainerRequest{ID: id})
	// An id that cannot be a containerd name is an invalid argument, not a missing container.
	if code := status.Code(err); code == codes.NotFound || code == codes.InvalidArgument {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read container %s in %s: %w", id, namespace, err)
	}
	d := inNamespaceOf(describe(resp.GetContainer()), namespace)
	setDigest(&d, func(image string) string { return e.digest(ctx, image) })
	found := []container.Described{d}
	if d.Sandbox != "" && d.Sandbox != id {
		if sandbox, ok := e.sandbox(ctx, d.Sandbox); ok {
			found = append(found, sandbox)
		}
	}
	return found, nil
}

// handle follows one event of the runtime.
func (e *Engine) handle(ctx context.Context, ev *types.Envelope) {
	id, err := containerOf(ev)
	if err != nil {
		e.log.Debug("container event not read", "event", ev.GetTopic(), "err", err)
		return
	}
	switch {
	case ev.GetTopic() == "/containers/delete":
		e.cache.Remove(id)
		return
	case ev.GetTopic() == "/tasks/start" && e.cache.Known(id):
		return
	}
	found, err := e.fetch(ctx, ev.GetNamespace(), id)
	if err != nil {
		e.log.Debug("container not read", "container", id, "err", err)
		return
	}
	e.cache.Put(found...)
}

func inNamespace(ctx context.Context, namespace string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, namespaceHeader, namespace)
}
