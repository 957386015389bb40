package notifiers

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"reflect"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

// HTTPConfig is Alertmanager's http_config.
type HTTPConfig struct {
	BasicAuth     *BasicAuth     `yaml:"basic_auth"`
	Authorization *Authorization `yaml:"authorization"` // excludes basic_auth
	OAuth2        *OAuth2        `yaml:"oauth2"`        // excludes both
	TLSConfig     TLSConfig      `yaml:"tls_config"`

	Proxy           `yaml:",inline"`
	Networks        `yaml:",inline"`
	Headers         map[string]Header `yaml:"http_headers"`     // more headers of each request
	EnableHTTP2     *bool             `yaml:"enable_http2"`     // default true
	FollowRedirects *bool             `yaml:"follow_redirects"` // accepted; redirects are never followed: they lead to an address that nobody configured
}

// Over is c with g behind it: g whole where c is empty, as in Alertmanager; else g's proxy where c has none, for
// whoever sets a header of one receiver does not mean to leave the network another way.
func (c HTTPConfig) Over(g HTTPConfig) HTTPConfig {
	if reflect.ValueOf(c).IsZero() {
		return g
	}
	return c.Through(g)
}

// Through is c with g's proxy where it has none. The rest of g is for others: a robot must not see their logins.
func (c HTTPConfig) Through(g HTTPConfig) HTTPConfig {
	if !c.Proxy.isSet() {
		c.Proxy = g.Proxy
	}
	return c
}

// Client is how to connect, and the headers to send.
func (c HTTPConfig) Client() (ClientConfig, http.Header, error) {
	var cfg ClientConfig
	var err error
	if cfg.TLS, err = c.TLSConfig.Load(); err != nil {
		return cfg, nil, err
	}
	header, more, err := readHeaders(c.Headers)
	if err != nil {
		return cfg, nil, err
	}
	authorization, secrets, err := c.Header()
	if err != nil {
		return cfg, nil, err
	}
	maps.Copy(header, authorization)
	if c.OAuth2 != nil {
		var secrets []string
		if cfg.tokens, secrets, err = c.OAuth2.Tokens(); err != nil {
			return cfg, nil, err
		}
		more = append(more, secrets...)
	}
	cfg.Networks = c.Networks
	cfg.HTTP1 = c.EnableHTTP2 != nil && !*c.EnableHTTP2
	cfg.Secrets = append(more, secrets...)
	cfg.Proxy, cfg.ProxyHeader, secrets = c.Proxy.choose()
	cfg.Secrets = append(cfg.Secrets, secrets...)
	return cfg, header, nil
}

// BasicAuth is a user and a password.
type BasicAuth struct {
	Username     string          `yaml:"username"`
	Password     pipeline.Secret `yaml:"password"`
	PasswordFile string          `yaml:"password_file"`
}

// Authorization is an Authorization header: type and credentials.
type Authorization struct {
	Type            string          `yaml:"type"` // default Bearer
	Credentials     pipeline.Secret `yaml:"credentials"`
	CredentialsFile string          `yaml:"credentials_file"`
}

// TLSConfig is how the other side proves who it is, and we to it. Versions below 1.2 are never used.
type TLSConfig struct {
	CA                 string          `yaml:"ca"`                   // PEM; default the system's
	CAFile             string          `yaml:"ca_file"`              // the same in a file
	Cert               string          `yaml:"cert"`                 // PEM; with a key, for mutual TLS
	CertFile           string          `yaml:"cert_file"`            // the same in a file
	Key                pipeline.Secret `yaml:"key"`                  // PEM
	KeyFile            string          `yaml:"key_file"`             // the same in a file
	ServerName         string          `yaml:"server_name"`          // default the host in the address
	InsecureSkipVerify bool            `yaml:"insecure_skip_verify"` // default false; true: whoever answers is believed
	MinVersion         string          `yaml:"min_version"`          // TLS12 (default) or TLS13
	MaxVersion         string          `yaml:"max_version"`          // likewise; default the newest
}

// Validate checks the block without reading files.
func (c HTTPConfig) Validate() error {
	if c.BasicAuth != nil && c.Authorization != nil {
		return errors.New("http_config: basic_auth and authorization exclude each other")
	}
	if b := c.BasicAuth; b != nil {
		if err := OneOf("http_config.basic_auth.password", b.Password, b.PasswordFile); err != nil {
			return err
		}
	}
	if a := c.Authorization; a != nil {
		if strings.EqualFold(a.Type, "basic") {
			return errors.New("http_config.authorization.type: use basic_auth for Basic")
		}
		if err := OneOf("http_config.authorization.credentials", a.Credentials, a.CredentialsFile); err != nil {
			return err
		}
	}
	if c.OAuth2 != nil {
		if c.BasicAuth != nil || c.Authorization != nil {
			return errors.New("http_config: oauth2 excludes basic_auth and authorization")
		}
		if err := c.OAuth2.Validate(); err != nil {
			return err
		}
	}
	return errors.Join(c.TLSConfig.Validate(), c.Proxy.Validate(), validateHeaders(c.Headers))
}

// Header returns the Authorization header, if any, and the secrets in it.
func (c HTTPConfig) Header() (http.Header, []string, error) {
	switch {
	case c.BasicAuth != nil:
		password, err := ReadSecret("http_config.basic_auth.password", c.BasicAuth.Password, c.BasicAuth.PasswordFile)
		if err != nil {
			return nil, nil, err
		}
		encoded := basic(c.BasicAuth.Username, string(password))
		return http.Header{"Authorization": {"Basic " + encoded}}, []string{string(password), encoded}, nil
	case c.Authorization != nil:
		credentials, err := ReadSecret("http_config.authorization.credentials", c.Authorization.Credentials, c.Authorization.CredentialsFile)
		if err != nil {
			return nil, nil, err
		}
		scheme := c.Authorization.Type
		if scheme == "" {
			scheme = "Bearer"
		}
		return http.Header{"Authorization": {scheme + " " + string(credentials)}}, []string{string(credentials)}, nil
	default:
		return nil, nil, nil
	}
}

// Validate checks the block without reading files.
func (c TLSConfig) Validate() error {
	if (c.CertFile+c.Cert == "") != (c.KeyFile+string(c.Key) == "") {
		return errors.New("tls_config: cert_file and key_file go together")
	}
	for _, twin := range []struct {
		key         string
		value, file string
	}{{"ca", c.CA, c.CAFile}, {"cert", c.Cert, c.CertFile}, {"key", string(c.Key), c.KeyFile}} {
		if err := OneOf("tls_config."+twin.key, pipeline.Secret(twin.value), twin.file); err != nil {
			return err
		}
	}
	_, err1 := tlsVersion("min_version", c.MinVersion)
	_, err2 := tlsVersion("max_version", c.MaxVersion)
	return errors.Join(err1, err2)
}

// tlsVersion reads Alertmanager's name of a version.
func tlsVersion(key, name string) (uint16, error) {
	switch name {
	case "":
		return 0, nil
	case "TLS12":
		return tls.VersionTLS12, nil
	case "TLS13":
		return tls.VersionTLS13, nil
	default:
		return 0, fmt.Errorf("tls_config.%s: %q is neither TLS12 nor TLS13; nothing older is used", key, name)
	}
}

// Load reads the files and returns the configuration of a client.
func (c TLSConfig) Load() (*tls.Config, error) {
	cfg := &tls.Config{ServerName: c.ServerName, InsecureSkipVerify: c.InsecureSkipVerify}
	cfg.MinVersion, _ = tlsVersion("", c.MinVersion) // checked by Validate
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12)
	cfg.MaxVersion, _ = tlsVersion("", c.MaxVersion)
	ca, err := c.read("ca", c.CA, c.CAFile)
	if err != nil {
		return nil, err
	}
	if ca != nil {
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(ca) {
			return nil, fmt.Errorf("read tls_config.ca_file: %s holds no PEM certificate", c.CAFile)
		}
	}
	cert, err1 := c.read("cert", c.Cert, c.CertFile)
	key, err2 := c.read("key", string(c.Key), c.KeyFile)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if cert != nil {
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("read tls_config.cert_file and key_file: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// read returns the PEM of a key or of its file; nil when there is neither.
func (TLSConfig) read(key, value, file string) ([]byte, error) {
	switch {
	case value != "":
		return []byte(value), nil
	case file == "":
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read tls_config.%s_file: %w", key, err)
	}
	return pem, nil
}
