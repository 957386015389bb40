package notifiers

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

// HTTPConfig is Alertmanager's http_config, as far as it is needed: who we say we are, and TLS.
type HTTPConfig struct {
	BasicAuth     *BasicAuth     `yaml:"basic_auth"`
	Authorization *Authorization `yaml:"authorization"` // excludes basic_auth
	TLSConfig     TLSConfig      `yaml:"tls_config"`
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
	CAFile             string `yaml:"ca_file"`              // PEM; default the system's
	CertFile           string `yaml:"cert_file"`            // PEM; with key_file, for mutual TLS
	KeyFile            string `yaml:"key_file"`             // PEM
	ServerName         string `yaml:"server_name"`          // default the host in the address
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify"` // default false: whoever answers is believed
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
	return c.TLSConfig.Validate()
}

// Header returns the Authorization header, if any, and the secrets in it.
func (c HTTPConfig) Header() (http.Header, []string, error) {
	switch {
	case c.BasicAuth != nil:
		password, err := ReadSecret("http_config.basic_auth.password", c.BasicAuth.Password, c.BasicAuth.PasswordFile)
		if err != nil {
			return nil, nil, err
		}
		encoded := base64.StdEncoding.EncodeToString([]byte(c.BasicAuth.Username + ":" + string(password)))
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
	if (c.CertFile == "") != (c.KeyFile == "") {
		return errors.New("tls_config: cert_file and key_file go together")
	}
	return nil
}

// Load reads the files and returns the configuration of a client.
func (c TLSConfig) Load() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName, InsecureSkipVerify: c.InsecureSkipVerify}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read tls_config.ca_file: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read tls_config.ca_file: %s holds no PEM certificate", c.CAFile)
		}
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("read tls_config.cert_file and key_file: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
