package api

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
)

// TLSConfig makes the listener speak TLS; with ClientCAFile clients show a certificate of that CA.
type TLSConfig struct {
	CertFile     string `yaml:"cert_file"`
	KeyFile      string `yaml:"key_file"`
	ClientCAFile string `yaml:"client_ca_file"`
	// ClientAuth says whether clients have to show one: require (default), or optional, for those who are known by a
	// token or the like.
	ClientAuth string `yaml:"client_auth"`
}

// Values of TLSConfig.ClientAuth.
const (
	clientAuthRequire  = "require"
	clientAuthOptional = "optional"
)

func (c TLSConfig) validate() error {
	switch {
	case (c.CertFile == "") != (c.KeyFile == ""):
		return errors.New("http.tls: cert_file and key_file go together")
	case c.ClientCAFile != "" && c.CertFile == "":
		return errors.New("http.tls.client_ca_file: needs cert_file and key_file")
	case c.ClientAuth != "" && c.ClientAuth != clientAuthRequire && c.ClientAuth != clientAuthOptional:
		return fmt.Errorf("http.tls.client_auth: %q is not one of require, optional", c.ClientAuth)
	case c.ClientAuth != "" && c.ClientCAFile == "":
		return errors.New("http.tls.client_auth: needs client_ca_file")
	}
	return nil
}

// load returns nil for plain HTTP.
func (c TLSConfig) load() (*tls.Config, error) {
	if c.CertFile == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("http.tls: %w", err)
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if c.ClientCAFile == "" {
		return cfg, nil
	}
	pem, err := os.ReadFile(c.ClientCAFile)
	if err != nil {
		return nil, fmt.Errorf("http.tls.client_ca_file: %w", err)
	}
	cfg.ClientCAs, cfg.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if c.ClientAuth == clientAuthOptional {
		cfg.ClientAuth = tls.VerifyClientCertIfGiven
	}
	if !cfg.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("http.tls.client_ca_file: %s holds no certificate", c.ClientCAFile)
	}
	return cfg, nil
}

// keys are the certificates that connections begin with, exchanged by a reload; nil: there is no TLS.
type keys struct{ atomic.Pointer[tls.Config] }

// listen listens with TLS where there are keys: each connection begins with those of its time.
func listen(address string, k *keys) (net.Listener, error) {
	if k.Load() == nil {
		return net.Listen("tcp", address)
	}
	cfg := k.Load().Clone()
	cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return k.Load(), nil }
	return tls.Listen("tcp", address, cfg)
}
