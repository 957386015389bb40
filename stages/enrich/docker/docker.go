// Package docker speaks the Docker Engine API over its unix socket, with Docker and with Podman, which
// serves the same API (https://docs.docker.com/reference/api/engine/ and Podman's compatible endpoints).
//
// A daemon keeps containers that do not run; only those that run are asked for, and one that starts later
// is told of by its event.
package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tocsin-security/tocsin/stages/enrich/container"
)

// Engine follows one daemon. Its methods are safe for concurrent use.
type Engine struct {
	client *client
	images images
	cache  container.Cache
	log    *slog.Logger
	kind   string // docker or podman
}

const (
	// The version of the API that is asked for where the daemon has it: the oldest that current daemons
	// still serve. Of those before it and after it, what is read here is the same.
	wantedAPI = "1.44"
	// A list is short, but a daemon that starts a hundred containers answers late.
	listTimeout = 30 * time.Second
	// Containers read at a time: each is a short call, and the daemon has better things to do.
	inspectAtOnce = 4
)

// New makes an Engine for the daemon that dial connects to. Version has to be asked first.
func New(dial func(context.Context) (net.Conn, error), limits container.Limits, cache container.Cache, log *slog.Logger) *Engine {
	return &Engine{client: newClient(dial, limits), cache: cache, log: log, kind: "docker"}
}

// Close gives its connections up.
func (e *Engine) Close() { e.client.close() }

// Version asks the daemon who it is, and settles which version of the API is spoken.
func (e *Engine) Version(ctx context.Context) (container.Version, error) {
	var v struct {
		Version, ApiVersion, MinAPIVersion string
		Components                         []struct{ Name string }
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := e.client.get(ctx, "/version", e.client.limits.Message, &v); err != nil {
		return container.Version{}, fmt.Errorf("ask Docker's API for its version: %w", err)
	}
	if v.ApiVersion == "" {
		return container.Version{}, errors.New("ask Docker's API for its version: the answer has none: this is no Docker")
	}
	for _, c := range v.Components {
		if strings.HasPrefix(c.Name, "Podman") {
			e.kind = "podman"
		}
	}
	path := "/v" + chooseAPI(v.MinAPIVersion, v.ApiVersion)
	e.client.version.Store(&path)
	return container.Version{Name: e.kind, Text: v.Version}, nil
}

// chooseAPI is the wanted version of the API, or the nearest that the daemon has.
func chooseAPI(least, most string) string {
	switch {
	case older(most, wantedAPI):
		return most
	case older(wantedAPI, least):
		return least
	default:
		return wantedAPI
	}
}

// older compares versions such as 1.44; what is no version is older than none.
func older(a, b string) bool {
	var a1, a2, b1, b2 int
	if _, err := fmt.Sscanf(a, "%d.%d", &a1, &a2); err != nil {
		return false
	}
	if _, err := fmt.Sscanf(b, "%d.%d", &b1, &b2); err != nil {
		return false
	}
	return a1 < b1 || a1 == b1 && a2 < b2
}

// event is what is read of an event.
type event struct {
	Type, Action string
	Actor        struct{ ID string }
}

// Watch subscribes, lists what runs, calls ready, and follows the events until ctx or the connection ends.
func (e *Engine) Watch(ctx context.Context, ready func(containers int)) error {
	resp, err := e.client.open(ctx, "/events?filters="+url.QueryEscape(`{"type":["container"]}`))
	if err != nil {
		return fmt.Errorf("subscribe to the daemon's events: %w", err)
	}
	defer resp.Body.Close() // read only: nothing to lose
	n, err := e.list(ctx)
	if err != nil {
		return err
	}
	ready(n)
	stream := &io.LimitedReader{R: resp.Body}
	for events := json.NewDecoder(stream); ; {
		var ev event
		stream.N = e.client.limits.Message // for the next event
		if err := events.Decode(&ev); errors.Is(err, io.EOF) {
			return errors.New("receive the daemon's events: it ended the stream")
		} else if err != nil {
			return fmt.Errorf("receive the daemon's events: %w", err)
		}
		e.handle(ctx, ev)
	}
}

// list reads all containers that run.
func (e *Engine) list(ctx context.Context) (int, error) {
	began := time.Now()
	var running []struct{ Id string }
	listing, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	if err := e.client.get(listing, "/containers/json", e.client.limits.List, &running); err != nil {
		return 0, fmt.Errorf("list the daemon's containers: %w", err)
	}
	ids := make([]string, len(running))
	var reads errgroup.Group
	reads.SetLimit(inspectAtOnce)
	for i, c := range running {
		ids[i] = c.Id
		reads.Go(func() error {
			e.fetch(ctx, c.Id) // what is listed early need not wait for the rest
			return nil
		})
	}
	reads.Wait() // none fails: a container that hangs must not hide the others
	e.cache.Listed(began, ids)
	return len(ids), nil
}

// LookUp reads one container, and its image if that was not read before; nothing if there is none.
func (e *Engine) LookUp(ctx context.Context, id string) ([]container.Described, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var c inspected
	// Ids come from names of cgroups, which anybody may have made up.
	err := e.client.get(ctx, "/containers/"+url.PathEscape(id)+"/json", e.client.limits.Message, &c)
	if errors.Is(err, errNotFound) || err == nil && c.ID != id { // a name, or the beginning of an id
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read container %s: %w", id, err)
	}
	return []container.Described{describe(&c, e.image(ctx, c.Image), e.kind)}, nil
}

// handle follows one event of the daemon.
func (e *Engine) handle(ctx context.Context, ev event) {
	id := ev.Actor.ID
	if ev.Type != "container" || id == "" {
		return
	}
	switch ev.Action {
	case "create", "start", "rename", "update":
		e.fetch(ctx, id)
	case "destroy", "remove": // Docker's word, and Podman's
		e.cache.Remove(id)
	}
}

// fetch reads one container into the cache.
func (e *Engine) fetch(ctx context.Context, id string) {
	found, err := e.LookUp(ctx, id)
	if err != nil {
		e.log.Debug("container not read", "container", id, "err", err)
		return
	}
	e.cache.Put(found...)
}
