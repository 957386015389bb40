package api

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin-security/tocsin/api/access"
)

// syncBuffer takes log lines from several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// tokensFile writes a file with a token for each list of scopes.
func tokensFile(t *testing.T, scopes ...access.Scopes) (file string, tokens []string) {
	t.Helper()
	var lines []string
	for i, s := range scopes {
		token, line, err := access.NewToken("token-"+strconv.Itoa(i), s, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		tokens, lines = append(tokens, token), append(lines, line)
	}
	return writeFile(t, strings.Join(lines, "\n")), tokens
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestScopes(t *testing.T) {
	file, tokens := tokensFile(t, access.Scopes{access.Intake}, access.Scopes{access.Read}, access.Scopes{access.Admin})
	var log syncBuffer
	reg := prometheus.NewRegistry()
	base := start(t, func(cfg *Config, d *Deps) {
		cfg.Auth = access.Config{TokensFile: file, ProtectMetrics: true}
		d.Log, d.Metrics, d.Gatherer = slog.New(slog.NewTextHandler(&log, nil)), reg, reg
	})
	for name, c := range map[string]struct {
		method, path, token string
		status              int
		reason              string
	}{
		"posting with intake":      {"POST", "/api/v1/events", tokens[0], 202, ""},
		"posting with read":        {"POST", "/api/v1/events", tokens[1], 403, "needs the scope intake"},
		"posting with admin":       {"POST", "/api/v1/events", tokens[2], 202, ""},
		"reloading with read":      {"POST", "/-/reload", tokens[1], 403, "needs the scope admin"},
		"reloading with admin":     {"POST", "/-/reload", tokens[2], 200, ""},
		"metrics without anything": {"GET", "/metrics", "", 401, "Authorization: Bearer"},
		"metrics with read":        {"GET", "/metrics", tokens[1], 200, ""},
		"health without anything":  {"GET", "/-/healthy", "", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer, header := request(t, c.method, base+c.path, `{"a":1}`, "Authorization", "Bearer "+c.token)
			if status != c.status || !strings.Contains(answer, c.reason) {
				t.Errorf("%s %s = %d %s, want %d with %q", c.method, c.path, status, answer, c.status, c.reason)
			}
			if status == 401 && header.Get("WWW-Authenticate") == "" {
				t.Error("401 does not say what would be taken")
			}
		})
	}
	for _, part := range []string{"who=token-2 by=token method=POST path=/-/reload status=200 request_id=", "client=127.0.0.1 who=token-1 "} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log of who reloaded lacks %s:\n%s", part, log.String())
		}
	}
	for _, token := range tokens {
		if strings.Contains(log.String(), token) {
			t.Errorf("the log shows a token:\n%s", log.String())
		}
	}
	_, metrics, _ := request(t, "GET", base+"/metrics", "", "Authorization", "Bearer "+tokens[1])
	for _, line := range []string{`tocsin_http_denied_total{reason="scope"} 2`, `tocsin_http_denied_total{reason="token"} 1`} {
		if !strings.Contains(metrics, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

func TestRequestIDs(t *testing.T) {
	var log syncBuffer
	base := start(t, func(_ *Config, d *Deps) { d.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	status, answer, header := request(t, "POST", base+"/api/v1/events", "7", "X-Request-Id", "req-1/a")
	if status != 400 || header.Get("X-Request-Id") != "req-1/a" || !strings.Contains(answer, `"request_id":"req-1/a"`) {
		t.Errorf("a client's id is answered with %d %s, header %q; want it in both", status, answer, header.Get("X-Request-Id"))
	}
	if !strings.Contains(log.String(), "request_id=req-1/a") || !strings.Contains(log.String(), "not a JSON object") {
		t.Errorf("the log lacks the id or the reason:\n%s", log.String())
	}
	for _, bad := range []string{"", "a b", `a"b`, strings.Repeat("x", 129), "é"} {
		_, _, header := request(t, "GET", base+"/-/healthy", "", "X-Request-Id", bad)
		if got := header.Get("X-Request-Id"); len(got) != 16 {
			t.Errorf("for the id %q the request is called %q, want one made here", bad, got)
		}
	}
}

func TestRequestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	base := start(t, func(_ *Config, d *Deps) { d.Metrics, d.Gatherer = reg, reg })
	request(t, "POST", base+"/api/v1/events", `[{"a":1},{"a":2}]`)
	request(t, "POST", base+"/api/v1/events", "7")
	request(t, "POST", base+"/api/v1/events?source=nobody", "{}")
	request(t, "POST", base+"/api/v1/secret-path-of-a-scanner", "")
	request(t, "BREW", base+"/api/v1/events", "")
	want := `tocsin_http_requests_total{code="202",method="POST",path="/api/v1/events"} 1
tocsin_http_requests_total{code="400",method="POST",path="/api/v1/events"} 2
tocsin_http_requests_total{code="404",method="POST",path="unmatched"} 1
tocsin_http_requests_total{code="405",method="other",path="unmatched"} 1
tocsin_intake_accepted_total{source="json"} 2
tocsin_intake_refused_total{reason="malformed",source="json"} 1
tocsin_intake_refused_total{reason="unknown_source",source=""} 1
`
	_, metrics, _ := request(t, "GET", base+"/metrics", "")
	var got strings.Builder
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "tocsin_") && !strings.Contains(line, "truncated") {
			got.WriteString(line)
		}
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

func TestRateLimit(t *testing.T) {
	file, tokens := tokensFile(t, access.Scopes{access.Intake}, access.Scopes{access.Intake})
	base := start(t, func(cfg *Config, _ *Deps) {
		cfg.Auth.TokensFile = file
		cfg.RateLimit = RateLimit{Requests: 0.01, Burst: 2} // slow enough for any machine
	})
	post := func(token string) (int, http.Header) {
		status, _, header := request(t, "POST", base+"/api/v1/events", `{"a":1}`, "Authorization", "Bearer "+token)
		return status, header
	}
	for i, want := range []int{202, 202, 429} {
		status, header := post(tokens[0])
		if status != want {
			t.Errorf("request %d = %d, want %d", i+1, status, want)
		}
		if after, err := strconv.Atoi(header.Get("Retry-After")); status == 429 && (err != nil || after < 1 || after > 100) {
			t.Errorf("Retry-After is %q, want the seconds until the next token", header.Get("Retry-After"))
		}
	}
	if status, _ := post(tokens[1]); status != 202 {
		t.Errorf("another client, from the same address, is answered with %d, want 202", status)
	}
	if status, _, _ := request(t, "GET", base+"/-/healthy", ""); status != 200 {
		t.Errorf("health is limited: %d", status)
	}
}

func TestSignedPostsAreTakenOnce(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	intake := &fakeIntake{}
	base := start(t, func(cfg *Config, d *Deps) {
		cfg.Auth.WebhookSecretsFile = writeFile(t, "proxy whsec_"+base64.StdEncoding.EncodeToString(key))
		d.Intake = intake
	})
	post := func(path, id, body string) (int, string) {
		m := access.Message{ID: id, At: time.Now()}
		req, err := http.NewRequest("POST", base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Webhook-Id", m.ID)
		req.Header.Set("Webhook-Timestamp", strconv.FormatInt(m.At.Unix(), 10))
		req.Header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(access.Sign(key, m, []byte(body))))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(answer)
	}
	intake.err = io.ErrShortWrite
	if status, _ := post("/api/v1/events", "m1", `{"a":1}`); status != 503 {
		t.Fatalf("while nothing can be stored: %d, want 503", status)
	}
	intake.err, intake.events = nil, nil
	if status, answer := post("/api/v1/events", "m1", `{"a":1}`); status != 202 || len(intake.events) != 1 {
		t.Fatalf("sent again after a failure: %d %s, %d events; want it taken", status, answer, len(intake.events))
	}
	if status, answer := post("/api/v1/events", "m1", `{"a":1}`); status != 200 || !strings.Contains(answer, `"duplicate":true`) || len(intake.events) != 1 {
		t.Errorf("sent again after it was taken: %d %s, %d events; want 200, and nothing stored", status, answer, len(intake.events))
	}
	if status, _ := post("/api/v1/events", "m2", `{"a":1}`); status != 202 {
		t.Errorf("another message: %d, want 202", status)
	}
	if status, answer := post("/-/reload", "m3", ""); status != 403 {
		t.Errorf("a signature reloads: %d %s", status, answer)
	}
	if status, _, _ := request(t, "POST", base+"/api/v1/events", `{"a":1}`); status != 401 {
		t.Errorf("without a signature: %d, want 401", status)
	}
}

// authority makes certificates; files are PEM.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key = a.make(&x509.Certificate{Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	a.file = writeFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})))
	return a
}

func (a *authority) make(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if parent == nil {
		parent, signer = template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) leaf(template *x509.Certificate) tls.Certificate {
	a.t.Helper()
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	cert, key := a.make(template, a.cert, a.key)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

func (a *authority) files(c tls.Certificate) (certFile, keyFile string) {
	a.t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		a.t.Fatal(err)
	}
	return writeFile(a.t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))),
		writeFile(a.t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
}

func TestClientCertificates(t *testing.T) {
	ca := newAuthority(t)
	certFile, keyFile := ca.files(ca.leaf(&x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}))
	tokens, token := tokensFile(t, access.Scopes{access.Admin})
	base := start(t, func(cfg *Config, _ *Deps) {
		cfg.TLS = TLSConfig{CertFile: certFile, KeyFile: keyFile, ClientCAFile: ca.file, ClientAuth: clientAuthOptional}
		cfg.Auth = access.Config{TokensFile: tokens, ClientCerts: []access.Certificate{{Name: "sensor-*", Scopes: access.Scopes{access.Intake}}}}
	})
	base = strings.Replace(base, "http:", "https:", 1)
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	post := func(path, bearer string, certs ...tls.Certificate) int {
		t.Helper()
		client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certs}}}
		defer client.CloseIdleConnections()
		req, err := http.NewRequest("POST", base+path, strings.NewReader(`{"a":1}`))
		if err != nil {
			t.Fatal(err)
		}
		if bearer != "" {
			req.Header.Set("Authorization", "Bearer "+bearer)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	sensor := ca.leaf(&x509.Certificate{Subject: pkix.Name{CommonName: "sensor-7"}})
	stranger := ca.leaf(&x509.Certificate{Subject: pkix.Name{CommonName: "laptop"}})
	for name, c := range map[string]struct{ got, want int }{
		"a sensor posts":                          {post("/api/v1/events", "", sensor), 202},
		"a sensor reloads":                        {post("/-/reload", "", sensor), 403},
		"another certificate of the authority":    {post("/api/v1/events", "", stranger), 401},
		"no certificate":                          {post("/api/v1/events", ""), 401},
		"a token without a certificate":           {post("/-/reload", token[0]), 200},
		"a token counts before the certificate":   {post("/-/reload", token[0], sensor), 200},
		"a wrong token beside a good certificate": {post("/api/v1/events", "x", sensor), 401},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", name, c.got, c.want)
		}
	}
}

func TestCredentialsAreReadAgain(t *testing.T) {
	file, tokens := tokensFile(t, access.Scopes{access.Intake})
	cfg := DefaultConfig()
	cfg.Listen, cfg.Auth.TokensFile = "127.0.0.1:0", file
	s, err := New(cfg, Deps{Log: slog.New(slog.DiscardHandler), Gatherer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.listener.Close()
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ReadCredentials(); err == nil || !strings.Contains(err.Error(), "holds nothing") {
		t.Errorf("an empty file: %v, want an error: it would let nobody in", err)
	}
	r, err := http.NewRequest("POST", "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+tokens[0])
	if _, err := s.admit(r, scopeIntake); err != nil {
		t.Errorf("after a reload that was refused the token is: %v", err)
	}
}

// A certificate is renewed before it ends, and nobody restarts a router for that.
func TestCertificatesAreReadAgain(t *testing.T) {
	ca := newAuthority(t)
	own := &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	certFile, keyFile := ca.files(ca.leaf(own))
	cfg := DefaultConfig()
	cfg.Listen, cfg.TLS = "127.0.0.1:0", TLSConfig{CertFile: certFile, KeyFile: keyFile, ClientCAFile: ca.file}
	s, err := New(cfg, Deps{Log: slog.New(slog.DiscardHandler), Gatherer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	get := func(server, client *authority) error {
		roots := x509.NewCertPool()
		roots.AddCert(server.cert)
		cert := client.leaf(&x509.Certificate{Subject: pkix.Name{CommonName: "c"}})
		c := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}}}}
		defer c.CloseIdleConnections()
		resp, err := c.Get("https://" + s.Addr() + "/-/healthy")
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	if err := get(ca, ca); err != nil {
		t.Fatal(err)
	}
	next := newAuthority(t)
	newCert, newKey := next.files(next.leaf(own))
	if err := os.Rename(newCert, certFile); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ReadCredentials(); err == nil || !strings.Contains(err.Error(), "http.tls") {
		t.Errorf("a certificate without its key: %v, want an error that names http.tls", err)
	}
	if err := get(ca, ca); err != nil {
		t.Errorf("after a reload that was refused: %v", err)
	}
	for from, to := range map[string]string{newKey: keyFile, next.file: ca.file} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	use, err := s.ReadCredentials()
	if err != nil {
		t.Fatal(err)
	}
	use()
	if err := get(next, next); err != nil {
		t.Errorf("after a reload: %v, want the new certificate, and clients of the new authority", err)
	}
	if get(next, ca) == nil {
		t.Error("a client of the old authority is still let in")
	}
}
