package api

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/api/access"
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
// its tokens, and trusts its certificate, whatever name of this machine that is for.
func NewOwnUsageClient(cfg Config) (*UsageClient, error) {
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("http.listen: %q is not host:port", cfg.Listen)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	tokens, err := access.ReadTokens(cfg.Auth.TokensFile)
	if err != nil {
		return nil, err
	}
	c := &UsageClient{base: "http://" + net.JoinHostPort(host, port), http: &http.Client{Timeout: usageTimeout}}
	for _, t := range tokens {
		c.token = orElse(c.token, t.Plain) // the first one that is no hash
	}
	if cfg.TLS.CertFile == "" {
		return c, nil
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if transport.TLSClientConfig, err = trusting(cfg.TLS.CertFile, host); err != nil {
		return nil, err
	}
	c.base, c.http.Transport = "https://"+net.JoinHostPort(host, port), transport
	return c, nil
}

// trusting is for a server at host that has the certificate of a file.
func trusting(certFile, host string) (*tls.Config, error) {
	text, err := os.ReadFile(certFile)
	if err != nil {
		return nil, fmt.Errorf("http.tls.cert_file: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the certificates of this machine: %w", err)
	}
	roots.AppendCertsFromPEM(text)
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("http.tls.cert_file: %s holds no certificate", certFile)
	}
	leaf, err := x509.ParseCertificate(block.Bytes) // a server's own comes first
	if err != nil {
		return nil, fmt.Errorf("http.tls.cert_file: %s: %w", certFile, err)
	}
	return &tls.Config{RootCAs: roots, ServerName: nameOf(leaf, host), MinVersion: tls.VersionTLS12}, nil
}

// nameOf is a name that a certificate is for: host, or where it is for others only, one of those.
func nameOf(cert *x509.Certificate, host string) string {
	switch {
	case cert.VerifyHostname(host) == nil:
		return host
	case len(cert.DNSNames) > 0:
		return strings.Replace(cert.DNSNames[0], "*", "any", 1)
	case len(cert.IPAddresses) > 0:
		return cert.IPAddresses[0].String()
	default:
		return host
	}
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
