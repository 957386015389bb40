package notifiers

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"golang.org/x/net/http/httpproxy"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Proxy says through whom requests go; by default through nobody.
type Proxy struct {
	URL             pipeline.Secret              `yaml:"proxy_url"`              // http, https or socks5; may hold a password
	No              string                       `yaml:"no_proxy"`               // hosts, domains, networks that go without; separated by commas
	FromEnvironment bool                         `yaml:"proxy_from_environment"` // HTTP_PROXY, HTTPS_PROXY, NO_PROXY; excludes proxy_url
	ConnectHeader   map[string][]pipeline.Secret `yaml:"proxy_connect_header"`   // sent to the proxy
}

// isSet reports whether any of it is.
func (p Proxy) isSet() bool {
	return p.URL != "" || p.No != "" || p.FromEnvironment || len(p.ConnectHeader) > 0
}

// Validate checks the keys.
func (p Proxy) Validate() error {
	switch {
	case p.URL != "" && p.FromEnvironment:
		return errors.New("http_config.proxy_url: it excludes proxy_from_environment")
	case p.No != "" && p.FromEnvironment:
		return errors.New("http_config.no_proxy: with proxy_from_environment it comes from there too")
	case p.URL == "" && !p.FromEnvironment && len(p.ConnectHeader) > 0:
		return errors.New("http_config.proxy_connect_header: there is no proxy: set proxy_url or proxy_from_environment")
	case p.URL == "":
		return nil
	}
	u, err := url.Parse(string(p.URL))
	if err != nil {
		return fmt.Errorf("http_config.proxy_url: %w", withoutURL(err))
	}
	if !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) || u.Host == "" {
		return errors.New("http_config.proxy_url: use an absolute http, https or socks5 address")
	}
	return nil
}

// choose is what asks for each request through whom it goes; nil: through nobody. secrets are not to be shown.
func (p Proxy) choose() (through func(*http.Request) (*url.URL, error), connect http.Header, secrets []string) {
	for name, values := range p.ConnectHeader {
		if connect == nil {
			connect = http.Header{}
		}
		for _, v := range values {
			connect.Add(name, string(v))
			secrets = append(secrets, string(v))
		}
	}
	switch {
	case p.FromEnvironment:
		return http.ProxyFromEnvironment, connect, secrets
	case p.URL != "":
		if u, err := url.Parse(string(p.URL)); err == nil { // checked by Validate
			secrets = append(secrets, addressSecrets(u)...)
		}
		proxyFor := (&httpproxy.Config{HTTPProxy: string(p.URL), HTTPSProxy: string(p.URL), NoProxy: p.No}).ProxyFunc()
		return func(r *http.Request) (*url.URL, error) { return proxyFor(r.URL) }, connect, secrets
	default:
		return nil, nil, secrets
	}
}
