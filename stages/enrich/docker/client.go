package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tocsin-security/tocsin/stages/enrich/container"
)

// client asks one daemon over its unix socket. It is safe for concurrent use.
type client struct {
	http    *http.Client
	limits  container.Limits
	version atomic.Pointer[string] // of the API, for paths: "/v1.44"; nil before it was asked for
}

const (
	// One question must not hold up those behind it for longer.
	callTimeout = 2 * time.Second
	// What is read of an error's text.
	maxErrorText = 1024
)

// errNotFound is the answer of a daemon that has no such container or image.
var errNotFound = errors.New("not found")

func newClient(dial func(context.Context) (net.Conn, error), limits container.Limits) *client {
	return &client{limits: limits, http: &http.Client{Transport: &http.Transport{
		DialContext:           func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		MaxIdleConns:          inspectAtOnce,
		MaxIdleConnsPerHost:   inspectAtOnce,
		IdleConnTimeout:       30 * time.Second,
		ResponseHeaderTimeout: listTimeout,
	}}}
}

// get reads the JSON answer to a question of at most limit bytes into to.
func (c *client) get(ctx context.Context, path string, limit int64, to any) error {
	resp, err := c.open(ctx, path)
	if err != nil {
		return err
	}
	defer resp.Body.Close() // read only: nothing to lose
	if err := json.NewDecoder(io.LimitReader(resp.Body, limit)).Decode(to); err != nil {
		return fmt.Errorf("read the answer to GET %s: %w", path, err)
	}
	return nil
}

// open asks, and returns an answer of status 200 with its body still to be read.
func (c *client) open(ctx context.Context, path string) (*http.Response, error) {
	prefix := ""
	if v := c.version.Load(); v != nil {
		prefix = *v
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker"+prefix+path, nil)
	if err != nil {
		return nil, fmt.Errorf("ask GET %s: %w", path, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask GET %s: %w", path, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close() // read only: nothing to lose
	if resp.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("GET %s: %w", path, errNotFound)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorText))
	if err != nil {
		return nil, fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return nil, fmt.Errorf("GET %s: %s: %s", path, resp.Status, strings.Join(strings.Fields(string(text)), " "))
}

func (c *client) close() { c.http.CloseIdleConnections() }
