package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// usageTimeout bounds one question for the account; maxUsage its answer.
const (
	usageTimeout = 10 * time.Second
	maxUsage     = 64 << 20
)

// UsageClient asks a tocsin that runs for the account of its whitelist.
type UsageClient struct {
	base  string
	token string // "": none is sent
	http  *http.Client
}

// NewUsageClient takes an address, http://host:port or https://…; user information in it is sent as a bearer
// token: https://TOKEN@router:8686.
func NewUsageClient(address string) (*UsageClient, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, errors.New("an address of tocsin is http://host:port or https://host:port")
	}
	c := &UsageClient{token: u.User.Username(), http: &http.Client{Timeout: usageTimeout}}
	u.User = nil
	c.base = strings.TrimSuffix(u.String(), "/")
	return c, nil
}

// NewOwnUsageClient is for the tocsin that has this configuration and runs on this machine: it uses the first of
// its tokens, and trusts its certificate.
func NewOwnUsageClient(cfg Config) (*UsageClient, error) {
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("http.listen: %q is not host:port", cfg.Listen)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	tokens, err := readTokens(cfg.Auth.TokensFile)
	if err != nil {
		return nil, err
	}
	c := &UsageClient{base: "http://" + net.JoinHostPort(host, port), http: &http.Client{Timeout: usageTimeout}}
	if len(tokens) > 0 {
		c.token = tokens[0]
	}
	if cfg.TLS.CertFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(cfg.TLS.CertFile)
	if err != nil {
		return nil, fmt.Errorf("http.tls.cert_file: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the certificates of this machine: %w", err)
	}
	roots.AppendCertsFromPEM(pem)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	c.base, c.http.Transport = "https://"+net.JoinHostPort(host, port), transport
	return c, nil
}

// Address is whom it asks, without any secret.
func (c *UsageClient) Address() string { return c.base }

// Usage asks for the account.
func (c *UsageClient) Usage(ctx context.Context) (*pipeline.WhitelistUsage, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/api/v1/whitelist", nil)
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("is tocsin running? %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxUsage+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer of %s: %w", c.base, err)
	case resp.StatusCode == http.StatusUnauthorized:
		return nil, fmt.Errorf("%s wants a token: put one in front of the host, https://TOKEN@host:port", c.base)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answered %s: %s", c.base, resp.Status, firstBytes(body))
	case len(body) > maxUsage:
		return nil, fmt.Errorf("%s answered with more than %d bytes", c.base, maxUsage)
	}
	return ReadUsage(body)
}

// ReadUsage reads an account, as GET /api/v1/whitelist answers with it.
func ReadUsage(body []byte) (*pipeline.WhitelistUsage, error) {
	usage := &pipeline.WhitelistUsage{}
	if err := json.Unmarshal(body, usage); err != nil {
		return nil, fmt.Errorf("not the account of a whitelist: %w", err)
	}
	if usage.At.IsZero() {
		return nil, errors.New("not the account of a whitelist: it does not say of when it is")
	}
	return usage, nil
}

func firstBytes(body []byte) string { return strings.TrimSpace(string(body[:min(len(body), 200)])) }
