package notifiers

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	connectTimeout = 5 * time.Second
	// totalTimeout bounds one attempt, answer included. A robot answers within a second; a longer wait
	// would hold up the messages behind this one.
	totalTimeout = 10 * time.Second
	// maxAnswer is how much of an answer is read: robots send some 200 bytes; a proxy's error page that
	// is longer says nothing more.
	maxAnswer = 64 << 10
	// maxIdle is how many connections are kept: as many as the bus hands out messages of one integration at
	// once. With fewer, those above it are opened anew for every message.
	maxIdle = 16
)

// Client posts to the address of one receiver. It is safe for concurrent use.
type Client struct {
	receiver string
	tokens   *Tokens // nil: none are sent
	http     *http.Client
	redact   *Redactor
}

// ClientConfig is how a Client connects. The zero value is right for robots.
type ClientConfig struct {
	Timeout time.Duration // of one attempt; 0 means 10s
	TLS     *tls.Config   // nil means Go's defaults
	Secrets []string      // never shown in an error, beside what the address holds
	HTTP1   bool          // do not speak HTTP/2

	Networks Networks // where nothing is sent
	tokens   *Tokens  // of OAuth 2

	Proxy       func(*http.Request) (*url.URL, error) // nil: no proxy
	ProxyHeader http.Header                           // sent to the proxy when a connection is made
}

// NewClient returns a client for the address u.
func NewClient(receiver string, u *url.URL, cfg ClientConfig) *Client {
	transport := &http.Transport{
		DialContext:           cfg.Networks.dialer().DialContext,
		TLSClientConfig:       cfg.TLS,
		TLSHandshakeTimeout:   connectTimeout,
		ResponseHeaderTimeout: totalTimeout,
		ForceAttemptHTTP2:     !cfg.HTTP1,
		Proxy:                 cfg.Proxy,
		ProxyConnectHeader:    cfg.ProxyHeader,
		MaxIdleConnsPerHost:   maxIdle,
		IdleConnTimeout:       90 * time.Second,
	}
	if cfg.HTTP1 {
		transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	timeout := cfg.Timeout
	if timeout == 0 {
		timeout = totalTimeout
	} else {
		transport.ResponseHeaderTimeout = timeout
	}
	return &Client{
		receiver: receiver,
		tokens:   cfg.tokens,
		http: &http.Client{
			Transport: transport,
			Timeout:   timeout,
			// A redirect would carry the message, and in a query the key, to an address nobody configured.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		redact: NewRedactor(append(addressSecrets(u), cfg.Secrets...)...),
	}
}

// Answer is what the other side said.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // the first 64 KiB, without secrets
}

// Post posts body to u; see Send.
func (c *Client) Post(ctx context.Context, u *url.URL, body []byte, header http.Header) (Answer, error) {
	return c.Send(ctx, http.MethodPost, u, body, header)
}

// Send sends body to u. The error, if any, is a *pipeline.DeliveryError without the address: when
// nothing was answered, or when the status is not 2xx.
func (c *Client) Send(ctx context.Context, method string, u *url.URL, body []byte, header http.Header) (Answer, error) {
	if answer, ok := previewed(ctx, method, body, header); ok {
		return answer, nil
	}
	if c.tokens == nil {
		return c.send(ctx, method, u, body, header)
	}
	for refused, token := "", ""; ; refused = token {
		var err error
		if token, err = c.tokens.Get(ctx, refused); err != nil {
			return Answer{}, c.Fail(pipeline.Retry, err)
		}
		authorized := header.Clone()
		if authorized == nil {
			authorized = http.Header{}
		}
		authorized.Set("Authorization", "Bearer "+token)
		answer, err := c.send(ctx, method, u, body, authorized)
		answer.Body = []byte(NewRedactor(token).Text(string(answer.Body)))
		if answer.Status != http.StatusUnauthorized || refused != "" {
			return answer, c.without(token, err)
		}
	}
}

// without takes a token out of an error.
func (c *Client) without(token string, err error) error {
	if failure := (*pipeline.DeliveryError)(nil); errors.As(err, &failure) {
		failure.Err = NewRedactor(token).Error(failure.Err)
	}
	return err
}

func (c *Client) send(ctx context.Context, method string, u *url.URL, body []byte, header http.Header) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, "", bytes.NewReader(body))
	if err != nil {
		return Answer{}, c.Fail(pipeline.BadMessage, fmt.Errorf("build the request: %w", withoutURL(err)))
	}
	req.URL, req.Host = u, strings.TrimSuffix(u.Host, ":") // nothing changes u; to write it and read it again takes time
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "tocsin")
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := c.http.Do(req)
	if err != nil {
		e := c.Fail(ClassOfBroken(err), fmt.Errorf("%s: %w", strings.ToLower(method), withoutURL(err)))
		e.Unknown = !NeverConnected(err)
		return Answer{}, e
	}
	defer resp.Body.Close()
	answer := Answer{Status: resp.StatusCode, Header: resp.Header}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		e := c.Fail(pipeline.Retry, fmt.Errorf("read the answer: %w", err))
		e.Unknown = true
		return answer, e
	}
	// Some proxies print the request's address. It goes here, before an excerpt could cut it in two.
	// Its query may hold more than the configured one: a signature.
	if len(raw) > 0 {
		answer.Body = []byte(NewRedactor(addressSecrets(u)...).Text(c.redact.Text(string(raw))))
	}
	if class, ok := ClassOf(resp.StatusCode); !ok {
		e := c.Fail(class, fmt.Errorf("HTTP status %d: %s", resp.StatusCode, Excerpt(answer.Body)))
		e.Unknown = resp.StatusCode == http.StatusBadGateway || resp.StatusCode == http.StatusGatewayTimeout // a proxy's word
		if class == pipeline.Retry {
			e.RetryAfter = RetryAfter(resp.Header, time.Now())
		}
		return answer, e
	}
	return answer, nil
}

// Fail wraps a cause for the caller of Notify, with every secret taken out of its text.
func (c *Client) Fail(class pipeline.DeliveryClass, cause error) *pipeline.DeliveryError {
	return &pipeline.DeliveryError{Class: class, Receiver: c.receiver, Err: c.redact.Error(cause)}
}

// EncodeJSON encodes v without Go's HTML escaping: <font> as \u003cfont would cost bytes against the
// channel's limit, and WeCom refuses \uXXXX with code 40033.
func EncodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
