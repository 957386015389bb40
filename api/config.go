// Package api is tocsin's HTTP surface: the intake of events and alerts, health, metrics and reload.
// It owns chi. It turns requests into alerts and hands them to an Intake; a 2xx answer is only written
// after the Intake said that they are durable. It decides nothing about rules, routes or delivery.
package api

import (
	"fmt"
	"net"
	"path"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Config is the http block of the configuration.
type Config struct {
	// Listen is host:port; default 127.0.0.1:8686. An empty host listens on every address.
	Listen string `yaml:"listen"`
	// RoutePrefix goes before every path, /-/healthy and /metrics too: /tocsin; default none. It is for a proxy that
	// passes paths on as they are.
	RoutePrefix string `yaml:"route_prefix"`
	// MaxBody bounds a request body; default 4MiB. A larger one is answered with 413.
	MaxBody pipeline.Size `yaml:"max_body"`
	// MaxReport is MaxBody for the reports of scanners, which are read as they come in; default 64MiB.
	MaxReport pipeline.Size `yaml:"max_report"`
	// MaxRequests bounds the requests worked on at once; default 256. More are answered with 429.
	MaxRequests int `yaml:"max_requests"`
	// FalcosidekickEvents makes what Falcosidekick posts to Alertmanager's API an event again, as Falco's own output
	// is; default true. Without it, it is an alert that resolves.
	FalcosidekickEvents bool       `yaml:"falcosidekick_events"`
	Auth                AuthConfig `yaml:"auth"`
	TLS                 TLSConfig  `yaml:"tls"`
}

// AuthConfig says who may post and reload. Health and metrics stay open.
type AuthConfig struct {
	// TokensFile holds bearer tokens, one a line; blank lines and lines starting with # are skipped.
	TokensFile string `yaml:"tokens_file"`
	// AllowAnonymous lets anyone in on an address beyond loopback; without it such a listener needs
	// tokens or client certificates.
	AllowAnonymous bool `yaml:"allow_anonymous"`
}

// TLSConfig makes the listener speak TLS; with ClientCAFile clients must show a certificate of that CA.
type TLSConfig struct {
	CertFile     string `yaml:"cert_file"`
	KeyFile      string `yaml:"key_file"`
	ClientCAFile string `yaml:"client_ca_file"`
}

// DefaultConfig listens on loopback only.
func DefaultConfig() Config {
	return Config{Listen: "127.0.0.1:8686", MaxBody: 4 << 20, MaxReport: 64 << 20, MaxRequests: 256, FalcosidekickEvents: true}
}

// Validate names the field that is wrong.
func (c Config) Validate() error {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("http.listen: %q is not host:port", c.Listen)
	}
	if p := c.RoutePrefix; p != "" && (!strings.HasPrefix(p, "/") || path.Clean(p) != p || p == "/") {
		return fmt.Errorf("http.route_prefix: %q is no path: write it as in /tocsin, without a slash at its end", p)
	}
	if c.MaxBody < 1<<10 {
		return fmt.Errorf("http.max_body: %d bytes is too small for an alert: use at least 1KiB", c.MaxBody)
	}
	if c.MaxReport < 1<<10 {
		return fmt.Errorf("http.max_report: %d bytes is too small for a report: use at least 1KiB", c.MaxReport)
	}
	if c.MaxRequests < 1 {
		return fmt.Errorf("http.max_requests: must be at least 1")
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		return fmt.Errorf("http.tls: cert_file and key_file go together")
	}
	if c.TLS.ClientCAFile != "" && c.TLS.CertFile == "" {
		return fmt.Errorf("http.tls.client_ca_file: needs cert_file and key_file")
	}
	open := c.Auth.TokensFile == "" && c.TLS.ClientCAFile == "" && !c.Auth.AllowAnonymous
	if open && !isLoopback(host) {
		return fmt.Errorf("http.listen: %s is reachable from other machines and anyone could post alerts: "+
			"set http.auth.tokens_file or http.tls.client_ca_file, or say http.auth.allow_anonymous: true", c.Listen)
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
