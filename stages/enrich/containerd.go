package enrich

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	eventsapi "github.com/containerd/containerd/api/services/events/v1"
	namespacesapi "github.com/containerd/containerd/api/services/namespaces/v1"
	"github.com/containerd/containerd/api/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// containerd keeps a cache up to date with one containerd, over its native API. Its methods are safe for
// concurrent use.
type containerd struct {
	socket     string
	conn       *grpc.ClientConn
	containers containersapi.ContainersClient
	events     eventsapi.EventsClient
	namespaces namespacesapi.NamespacesClient
	cache      *containerCache
	log        *slog.Logger
	watched    atomic.Bool // there is a connection: questions make sense
	absent     bool        // its socket is not there; run's own
}

const (
	// Pauses between attempts to reach a runtime: short for one that restarts, long for one that is not
	// installed.
	minPause = 250 * time.Millisecond
	maxPause = 15 * time.Second
	// A single question must not hold up those behind it for longer.
	callTimeout = 2 * time.Second
	// A container's OCI specification can be large; grpc's default of 4 MiB would fail the whole listing.
	maxMessage = 64 << 20
)

// namespaceHeader names the containerd namespace of a call.
const namespaceHeader = "containerd-namespace"

// wantedTopics are the events after which a container's metadata is read, or dropped.
var wantedTopics = []string{
	`topic=="/containers/create"`, `topic=="/containers/update"`, `topic=="/containers/delete"`,
	`topic=="/tasks/start"`,
}

func newContainerd(socket string, cache *containerCache, log *slog.Logger) (*containerd, error) {
	conn, err := grpc.NewClient("unix://"+socket,
		grpc.WithTransportCredentials(insecure.NewCredentials()), // a local socket
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
	)
	if err != nil {
		return nil, fmt.Errorf("make a client for containerd at %s: %w", socket, err)
	}
	return &containerd{
		socket:     socket,
		conn:       conn,
		containers: containersapi.NewContainersClient(conn),
		events:     eventsapi.NewEventsClient(conn),
		namespaces: namespacesapi.NewNamespacesClient(conn),
		cache:      cache,
		log:        log.With("socket", socket),
	}, nil
}

// run watches until ctx ends, again and again: containerd restarts, and may not be installed.
func (r *containerd) run(ctx context.Context) {
	defer r.conn.Close() // nothing is in flight any more
	for pause := minPause; ctx.Err() == nil; {
		connected, err := r.watch(ctx)
		r.expect(connected || !errors.Is(err, os.ErrNotExist))
		switch {
		case ctx.Err() != nil:
			return
		case connected:
			r.log.Warn("container runtime lost", "err", err)
			pause = minPause
		case !errors.Is(err, os.ErrNotExist):
			r.log.Debug("container runtime not reached", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, maxPause)
	}
}

// expect tells the cache whether waiting for this runtime's answer makes sense.
func (r *containerd) expect(there bool) {
	switch {
	case there && r.absent:
		r.cache.hopeful.Add(1)
	case !there && !r.absent:
		r.cache.hopeful.Add(-1)
	}
	r.absent = !there
}

// watch subscribes, lists what is there, and follows the events. What falls between, as the server takes
// up both at its own pace, is asked for when its first event comes. connected says whether it came as far
// as following.
func (r *containerd) watch(ctx context.Context) (connected bool, err error) {
	if _, err := os.Stat(r.socket); err != nil {
		return false, fmt.Errorf("look for containerd's socket: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx) // ends the stream when this function does
	defer cancel()
	// The connection may still be waiting out its own backoff after a restart.
	r.conn.ResetConnectBackoff()
	stream, err := r.events.Subscribe(ctx, &eventsapi.SubscribeRequest{Filters: wantedTopics}, grpc.WaitForReady(false))
	if err != nil {
		return false, fmt.Errorf("subscribe to containerd's events: %w", err)
	}
	n, err := r.list(ctx)
	if err != nil {
		return false, err
	}
	r.expect(true)
	r.log.Info("container runtime found", "containers", n)
	r.watched.Store(true)
	defer r.watched.Store(false)
	for {
		event, err := stream.Recv()
		if err != nil {
			return true, fmt.Errorf("receive containerd's events: %w", err)
		}
		r.handle(ctx, event)
	}
}

// list reads all containers of all namespaces.
func (r *containerd) list(ctx context.Context) (int, error) {
	names, err := r.listNamespaces(ctx)
	if err != nil {
		return 0, err
	}
	var all []described
	for _, namespace := range names {
		stream, err := r.containers.ListStream(inNamespace(ctx, namespace), &containersapi.ListContainersRequest{})
		if err != nil {
			return 0, fmt.Errorf("list containerd's containers in %s: %w", namespace, err)
		}
		for {
			m, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return 0, fmt.Errorf("list containerd's containers in %s: %w", namespace, err)
			}
			all = append(all, describe(m.GetContainer()))
		}
	}
	r.cache.put(all...)
	return len(all), nil
}

func (r *containerd) listNamespaces(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := r.namespaces.List(ctx, &namespacesapi.ListNamespacesRequest{})
	if err != nil {
		return nil, fmt.Errorf("list containerd's namespaces: %w", err)
	}
	names := make([]string, 0, len(resp.GetNamespaces()))
	for _, ns := range resp.GetNamespaces() {
		names = append(names, ns.GetName())
	}
	return names, nil
}

// lookUp looks for one container in every namespace and reports whether it found it.
func (r *containerd) lookUp(ctx context.Context, id string) bool {
	if !r.watched.Load() {
		return false // the list it begins with will have the container
	}
	names, err := r.listNamespaces(ctx)
	if err != nil {
		return false // lost just now: run says so
	}
	for _, namespace := range names {
		if r.fetch(ctx, namespace, id) {
			return true
		}
	}
	return false
}

// fetch reads one container into the cache and reports whether there is one.
func (r *containerd) fetch(ctx context.Context, namespace, id string) bool {
	ctx, cancel := context.WithTimeout(inNamespace(ctx, namespace), callTimeout)
	defer cancel()
	resp, err := r.containers.Get(ctx, &containersapi.GetContainerRequest{ID: id})
	if err != nil {
		// An id that cannot be a containerd name is an invalid argument, not a missing container.
		if code := status.Code(err); code != codes.NotFound && code != codes.InvalidArgument && ctx.Err() == nil {
			r.log.Debug("container not read", "container", id, "err", err)
		}
		return false
	}
	r.cache.put(describe(resp.GetContainer()))
	return true
}

// handle follows one event of the runtime.
func (r *containerd) handle(ctx context.Context, ev *types.Envelope) {
	id, err := containerOf(ev)
	if err != nil {
		r.log.Debug("container event not read", "event", ev.GetTopic(), "err", err)
		return
	}
	switch ev.GetTopic() {
	case "/containers/delete":
		r.cache.remove(id)
	case "/tasks/start":
		if r.cache.get(id) == nil {
			r.fetch(ctx, ev.GetNamespace(), id)
		}
	default:
		r.fetch(ctx, ev.GetNamespace(), id)
	}
}

func inNamespace(ctx context.Context, namespace string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, namespaceHeader, namespace)
}
