package api

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// selfSigned writes a certificate for names or addresses, and its key.
func selfSigned(t *testing.T, names []string, addresses ...net.IP) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: names, IPAddresses: addresses}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// Whoever has the configuration of a tocsin can ask it, over TLS and with a token.
func TestOwnUsage(t *testing.T) {
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, []byte("# ours\nsecret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cert, key := selfSigned(t, nil, net.IPv4(127, 0, 0, 1))
	namedCert, namedKey := selfSigned(t, []string{"router.example"})
	wildCert, wildKey := selfSigned(t, []string{"*.shop.example"})
	otherCert, otherKey := selfSigned(t, nil, net.IPv4(192, 0, 2, 7))
	for sentence, change := range map[string]func(*Config){
		"plain":                               func(*Config) {},
		"a token":                             func(c *Config) { c.Auth.TokensFile = tokens },
		"TLS":                                 func(c *Config) { c.TLS.CertFile, c.TLS.KeyFile = cert, key },
		"a certificate for a name":            func(c *Config) { c.TLS.CertFile, c.TLS.KeyFile = namedCert, namedKey },
		"a certificate for a domain's names":  func(c *Config) { c.TLS.CertFile, c.TLS.KeyFile = wildCert, wildKey },
		"a certificate for another interface": func(c *Config) { c.TLS.CertFile, c.TLS.KeyFile = otherCert, otherKey },
		"everything":                          func(c *Config) { c.Auth.TokensFile, c.TLS.CertFile, c.TLS.KeyFile = tokens, cert, key },
	} {
		var cfg Config
		base := start(t, func(c *Config, d *Deps) {
			change(c)
			cfg = *c
			d.Whitelist = func(context.Context) (pipeline.WhitelistUsage, error) {
				return pipeline.WhitelistUsage{At: time.Unix(1, 0), Entries: []pipeline.EntryUsage{{ID: "e"}}}, nil
			}
		})
		cfg.Listen = strings.TrimPrefix(strings.TrimPrefix(base, "http://"), "https://")
		client, err := NewOwnUsageClient(cfg)
		if err != nil {
			t.Fatal(err)
		}
		usage, err := client.Usage(t.Context())
		if err != nil || len(usage.Entries) != 1 || usage.Entries[0].ID != "e" {
			t.Errorf("%s: Usage = %+v, %v", sentence, usage, err)
		}
		if strings.Contains(client.Address(), "secret") {
			t.Errorf("%s: the address %s has the token in it", sentence, client.Address())
		}
	}
}

// What is no account is said to be none, and why.
func TestUsageRefuses(t *testing.T) {
	for sentence, c := range map[string]struct {
		status     int
		body, want string
	}{
		"no token":         {http.StatusUnauthorized, `{}`, "wants a token: put one in front of the host"},
		"the store is off": {http.StatusServiceUnavailable, `{"error":"store away"}`, `503 Service Unavailable: {"error":"store away"}`},
		"an old tocsin":    {http.StatusNotFound, "404 page not found", "404 Not Found: 404 page not found"},
		"another server":   {http.StatusOK, "<html>", "not the account of a whitelist"},
		"another JSON":     {http.StatusOK, "{}", "not the account of a whitelist: it does not say of when"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer t0ken" {
				t.Errorf("%s: no token was sent", sentence)
			}
			w.WriteHeader(c.status)
			w.Write([]byte(c.body))
		}))
		defer server.Close()
		client, err := NewUsageClient(strings.Replace(server.URL, "://", "://t0ken@", 1))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Usage(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "t0ken") {
			t.Errorf("%s: Usage = %v, want %q", sentence, err, c.want)
		}
	}
	if _, err := NewUsageClient("ftp://host"); err == nil {
		t.Error("ftp:// is taken")
	}
}
