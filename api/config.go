// Package api is tocsin's HTTP surface: the intake of events and alerts, health, metrics and reload. Who may do
// what is told by package access.
// It owns chi. It turns requests into alerts and hands them to an Intake; a 2xx answer is only written
// after the Intake said that they are durable. It decides nothing about rules, routes or delivery.
package api

import (
	"fmt"
	"net"
	"path"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/api/access"
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
	MaxRequests int       `yaml:"max_requests"`
	RateLimit   RateLimit `yaml:"rate_limit"`
	// FalcosidekickEvents makes what Falcosidekick posts to Alertmanager's API an event again, as Falco's own output
	// is; default true. Without it, it is an alert that resolves.
	FalcosidekickEvents bool          `yaml:"falcosidekick_events"`
	Auth                access.Config `yaml:"auth"`
	TLS                 TLSConfig     `yaml:"tls"`
	Links               LinkConfig    `yaml:"links"`
}

// RateLimit is how much one client may send: one that is known by its name, whatever its address, else an address.
type RateLimit struct {
	Requests float64 `yaml:"requests"` // a second; default 0: no limit
	Burst    int     `yaml:"burst"`    // requests at once; default those of one second
}

// DefaultConfig listens on loopback only.
func DefaultConfig() Config {
	return Config{
		Listen: "127.0.0.1:8686", MaxBody: 4 << 20, MaxReport: 64 << 20, MaxRequests: 256, FalcosidekickEvents: true,
		Links: LinkConfig{Lifetime: pipeline.Duration(24 * time.Hour)},
	}
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
	if err := c.Links.validate(); err != nil {
		return err
	}
	if r := c.RateLimit.Requests; r != 0 && !(r >= 0.001 && r <= 1e6) || c.RateLimit.Burst < 0 {
		return fmt.Errorf("http.rate_limit: requests are between 0.001 and 1000000 a second, or 0 for no limit; burst must not be negative")
	}
	if err := c.TLS.validate(); err != nil {
		return err
	}
	if err := c.Auth.Validate(); err != nil {
		return err
	}
	if len(c.Auth.ClientCerts) > 0 && c.TLS.ClientCAFile == "" {
		return fmt.Errorf("http.auth.client_certs: needs http.tls.client_ca_file, the authority of those certificates")
	}
	if open := !c.Auth.Named() && c.TLS.ClientCAFile == "" && !c.Auth.AllowAnonymous; open && !isLoopback(host) {
		return fmt.Errorf("http.listen: %s is reachable from other machines and anyone could post alerts: "+
			"set http.auth.tokens_file, users_file or webhook_secrets_file, or http.tls.client_ca_file, or say http.auth.allow_anonymous: true", c.Listen)
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
