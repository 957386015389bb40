// Package cri speaks the Kubernetes Container Runtime Interface, version v1: CRI-O's only one, and
// containerd's second. It tells of pods and their containers, and of nothing else on the machine.
//
// New containers are told of by the runtime's events where it has them. CRI-O has them only with
// enable_pod_events: without, the containers are listed every few seconds, which tells of those that are
// gone, and a new one is asked for when its first process is seen.
package cri

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	criapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/tocsin-security/tocsin/stages/enrich/container"
)

// Engine follows one runtime. Its methods are safe for concurrent use.
type Engine struct {
	runtime criapi.RuntimeServiceClient
	cache   container.Cache
	log     *slog.Logger
	kind    string // container.type of what it tells of

	listEvery time.Duration // see there
}

const (
	// One question must not hold up those behind it for longer.
	callTimeout = 2 * time.Second
	// A list is short, but a runtime that starts a hundred pods answers late.
	listTimeout = 30 * time.Second
	// How often the containers of a runtime without events are listed: new ones are asked for when they are
	// seen, so this is for those that are gone and for containers that do nothing.
	listEvery = 10 * time.Second
	// Statuses under way at a time: each is a short call, and a node's runtime has better things to do.
	statusAtOnce = 4
)

// New makes an Engine over a connection to a runtime's socket, which stays the caller's.
func New(conn grpc.ClientConnInterface, cache container.Cache, log *slog.Logger) *Engine {
	return &Engine{runtime: criapi.NewRuntimeServiceClient(conn), cache: cache, log: log, listEvery: listEvery}
}

// Version asks the runtime who it is. It has to be asked before anything else: containers are named after it.
func (e *Engine) Version(ctx context.Context) (container.Version, error) {
	v, err := e.runtime.Version(ctx, &criapi.VersionRequest{})
	if err != nil {
		return container.Version{}, fmt.Errorf("ask the runtime for its version over CRI: %w", err)
	}
	e.kind = container.FirstOf(v.GetRuntimeName(), "cri")
	return container.Version{Name: e.kind, Text: v.GetRuntimeVersion()}, nil
}

// Watch subscribes, lists what is there, calls ready, and follows the events until ctx or the connection
// ends.
func (e *Engine) Watch(ctx context.Context, ready func(containers int)) error {
	ctx, cancel := context.WithCancel(ctx) // ends the stream when this function does
	defer cancel()
	stream, err := e.runtime.GetContainerEvents(ctx, &criapi.GetEventsRequest{})
	if err != nil {
		return fmt.Errorf("subscribe to the runtime's events over CRI: %w", err)
	}
	n, err := e.list(ctx, func(string) bool { return false })
	if err != nil {
		return err
	}
	ready(n)
	for {
		event, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF) || status.Code(err) == codes.Unimplemented:
			return e.listAgain(ctx) // it has no events
		case err != nil:
			return fmt.Errorf("receive the runtime's events over CRI: %w", err)
		}
		e.handle(ctx, event)
	}
}

// listAgain follows a runtime without events until it cannot be listed.
func (e *Engine) listAgain(ctx context.Context) error {
	tick := time.NewTicker(e.listEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if _, err := e.list(ctx, e.cache.Known); err != nil {
			return err
		}
	}
}

// entry is one line of the runtime's lists.
type entry struct {
	id, sandbox string
}

// list reads the status of all containers and sandboxes but those that skip is true of.
func (e *Engine) list(ctx context.Context, skip func(id string) bool) (int, error) {
	began := time.Now()
	entries, err := e.entries(ctx)
	if err != nil {
		return 0, err
	}
	ids := make([]string, len(entries))
	var reads errgroup.Group
	reads.SetLimit(statusAtOnce)
	for i, entry := range entries {
		ids[i] = entry.id
		if skip(entry.id) {
			continue
		}
		reads.Go(func() error {
			d, err := e.read(ctx, entry)
			switch {
			case err != nil:
				e.log.Debug("container not read", "container", entry.id, "err", err)
			case d.Container != nil:
				e.cache.Put(d) // what is listed early need not wait for the rest
			}
			return nil
		})
	}
	reads.Wait() // none fails: a container that hangs must not hide the others
	e.cache.Listed(began, ids)
	return len(ids), nil
}

// entries are the sandboxes and containers there are, sandboxes first: the containers take from them.
func (e *Engine) entries(ctx context.Context) ([]entry, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	pods, err := e.runtime.ListPodSandbox(ctx, &criapi.ListPodSandboxRequest{})
	if err != nil {
		return nil, fmt.Errorf("list the runtime's pods over CRI: %w", err)
	}
	containers, err := e.runtime.ListContainers(ctx, &criapi.ListContainersRequest{})
	if err != nil {
		return nil, fmt.Errorf("list the runtime's containers over CRI: %w", err)
	}
	var all []entry
	for _, p := range pods.GetItems() {
		all = append(all, entry{id: p.GetId(), sandbox: p.GetId()})
	}
	for _, c := range containers.GetContainers() {
		all = append(all, entry{id: c.GetId(), sandbox: c.GetPodSandboxId()})
	}
	return all, nil
}

// read reads the status of one entry; its Container is nil if it is gone.
func (e *Engine) read(ctx context.Context, of entry) (container.Described, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if of.id == of.sandbox {
		resp, err := e.runtime.PodSandboxStatus(ctx, &criapi.PodSandboxStatusRequest{PodSandboxId: of.id, Verbose: true})
		if err != nil {
			return container.Described{}, ignoreMissing(err)
		}
		return describeSandbox(resp, e.kind), nil
	}
	resp, err := e.runtime.ContainerStatus(ctx, &criapi.ContainerStatusRequest{ContainerId: of.id, Verbose: true})
	if err != nil {
		return container.Described{}, ignoreMissing(err)
	}
	return describe(resp, of.sandbox, e.kind), nil
}

func ignoreMissing(err error) error {
	if code := status.Code(err); code == codes.NotFound || code == codes.InvalidArgument {
		return nil
	}
	return err
}

// LookUp looks for one container or sandbox; a container is followed by its sandbox.
func (e *Engine) LookUp(ctx context.Context, id string) ([]container.Described, error) {
	d, err := e.read(ctx, entry{id: id})
	if err != nil {
		return nil, fmt.Errorf("read container %s: %w", id, err)
	}
	if d.Container == nil {
		if d, err = e.read(ctx, entry{id: id, sandbox: id}); err != nil {
			return nil, fmt.Errorf("read sandbox %s: %w", id, err)
		}
		if d.Container == nil {
			return nil, nil
		}
		return []container.Described{d}, nil
	}
	if d.Sandbox == "" {
		return []container.Described{d}, nil
	}
	sandbox, err := e.read(ctx, entry{id: d.Sandbox, sandbox: d.Sandbox})
	if err != nil || sandbox.Container == nil {
		e.log.Debug("pod's sandbox not read", "container", id, "err", err)
		return []container.Described{d}, nil
	}
	return []container.Described{d, sandbox}, nil
}

// handle follows one event of the runtime.
func (e *Engine) handle(ctx context.Context, ev *criapi.ContainerEventResponse) {
	id := ev.GetContainerId()
	switch ev.GetContainerEventType() {
	case criapi.ContainerEventType_CONTAINER_CREATED_EVENT, criapi.ContainerEventType_CONTAINER_STARTED_EVENT:
		found, err := e.LookUp(ctx, id)
		if err != nil {
			e.log.Debug("container not read", "container", id, "err", err)
			return
		}
		e.cache.Put(found...)
	case criapi.ContainerEventType_CONTAINER_DELETED_EVENT:
		e.cache.Remove(id)
	default: // stopped: its last events are still to come
	}
}
