package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Client posts alerts to a router's POST /api/v1/alerts: how a sensor without a broker hands them over.
// It is safe for concurrent use.
type Client struct {
	endpoint string
	token    string
	http     *http.Client
}

// Deadlines of one post: a router that does not answer must not hold the spool longer than a retry would.
const (
	clientConnectTimeout = 5 * time.Second
	clientTotalTimeout   = 15 * time.Second
)

// NewClient takes the router's address, http://host:port or https://…; user information in it is sent
// as a bearer token: https://TOKEN@router:8686.
func NewClient(router pipeline.Secret) (*Client, error) {
	u, err := url.Parse(string(router))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("bus: a router's address is http://host:port or https://host:port")
	}
	c := &Client{token: u.User.Username()}
	u.User = nil
	u.Path = strings.TrimSuffix(u.Path, "/") + "/api/v1/alerts"
	c.endpoint = u.String()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: clientConnectTimeout}).DialContext
	c.http = &http.Client{
		Timeout:       clientTotalTimeout,
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// PostAlerts returns nil when the router has stored all of alerts. Any other outcome is a
// *pipeline.DeliveryError: BadMessage when the router will never take them.
func (c *Client) PostAlerts(ctx context.Context, alerts []pipeline.Alert) error {
	body, err := json.Marshal(alerts)
	if err != nil {
		return c.failed(pipeline.BadMessage, 0, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return c.failed(pipeline.BadMessage, 0, err)
	}
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.failed(pipeline.Retry, 0, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return c.failed(pipeline.Retry, 0, err)
	}
	if resp.StatusCode/100 == 2 {
		return nil
	}
	class := pipeline.Retry
	if resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusRequestEntityTooLarge {
		class = pipeline.BadMessage
	}
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil {
		seconds = 0 // absent, or an HTTP date: the caller's backoff decides
	}
	return c.failed(class, time.Duration(seconds)*time.Second, fmt.Errorf("router answered %s: %s", resp.Status, bytes.TrimSpace(answer)))
}

func (c *Client) failed(class pipeline.DeliveryClass, after time.Duration, err error) error {
	return &pipeline.DeliveryError{Class: class, Receiver: "router", RetryAfter: after, Err: err}
}
