package email

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// server is a real SMTP server on loopback, with switches for what it refuses.
type server struct {
	addr    string
	caFile  string
	options serverOptions

	mu    sync.Mutex
	mails []received
	seen  []string // "MAIL", "RCPT a@b", "AUTH LOGIN ok", …
}

type serverOptions struct {
	noTLS    bool // STARTTLS is not offered
	implicit bool // TLS from the first byte
	auth     []string
	tokens   func() string           // the token that XOAUTH2 takes
	fail     func(step string) error // step: "AUTH", "MAIL", "RCPT a@b", "DATA"
}

type received struct {
	from string
	to   []string
	data string
	tls  bool
}

const (
	user     = "tocsin@example.org"
	password = "hunter2-hunter2"
)

func startServer(t *testing.T, o serverOptions) *server {
	t.Helper()
	cert, caFile := certificate(t)
	s := &server{caFile: caFile, options: o}
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{server: s, conn: c}, nil }))
	srv.Domain = "localhost"
	srv.ErrorLog = log.New(io.Discard, "", 0)
	srv.AllowInsecureAuth = o.noTLS
	if !o.noTLS {
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	if o.implicit {
		l = tls.NewListener(l, srv.TLSConfig)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l) // ends with Close below
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		_ = l.Close() // Serve may not have got as far as to tell srv of it
		<-done
	})
	return s
}

func (s *server) note(step string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, step)
}

func (s *server) steps() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.seen, ", ")
}

func (s *server) taken() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.mails...)
}

type session struct {
	server *server
	conn   *smtp.Conn
	mail   received
}

func (s *session) step(step string) error {
	s.server.note(step)
	if s.server.options.fail == nil {
		return nil
	}
	return s.server.options.fail(step)
}

func (s *session) AuthMechanisms() []string { return s.server.options.auth }

func (s *session) Auth(mechanism string) (sasl.Server, error) {
	if err := s.step("AUTH " + mechanism); err != nil {
		return nil, err
	}
	check := func(u, p string) error {
		if u != user || p != password {
			return &smtp.SMTPError{Code: 535, Message: "authentication failed for " + u + " with " + p}
		}
		return nil
	}
	switch mechanism {
	case sasl.Login:
		return &loginServer{check: check}, nil
	case "XOAUTH2":
		return &xoauth2Server{tokens: s.server.options.tokens}, nil
	case "CRAM-MD5":
		return &cramServer{}, nil
	}
	return sasl.NewPlainServer(func(_, u, p string) error { return check(u, p) }), nil
}

// loginServer speaks AUTH LOGIN, which go-sasl has a client for only.
type loginServer struct {
	check func(user, password string) error
	turn  int
	user  string
}

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	l.turn++
	switch {
	case l.turn == 1 && len(response) == 0:
		return []byte("Username:"), false, nil
	case l.turn <= 2 && l.user == "":
		l.user = string(response)
		return []byte("Password:"), false, nil
	default:
		return nil, true, l.check(l.user, string(response))
	}
}

// xoauth2Server answers a wrong token with a challenge, and wants an empty line before it says no.
type xoauth2Server struct {
	tokens  func() string
	refused bool
}

func (x *xoauth2Server) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case x.refused && len(response) == 0:
		return nil, true, &smtp.SMTPError{Code: 535, Message: "bad token"}
	case string(response) == "user="+user+"\x01auth=Bearer "+x.tokens()+"\x01\x01":
		return nil, true, nil
	}
	x.refused = true
	return []byte(`{"status":"401","schemes":"bearer"}`), false, nil
}

// cramServer is RFC 2195's.
type cramServer struct{ asked bool }

const challenge = "<1896.697170952@localhost>"

func (c *cramServer) Next(response []byte) ([]byte, bool, error) {
	if !c.asked {
		c.asked = true
		return []byte(challenge), false, nil
	}
	mac := hmac.New(md5.New, []byte(password))
	mac.Write([]byte(challenge))
	if string(response) != fmt.Sprintf("%s %x", user, mac.Sum(nil)) {
		return nil, true, &smtp.SMTPError{Code: 535, Message: "wrong digest"}
	}
	return nil, true, nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if err := s.step("MAIL"); err != nil {
		return err
	}
	_, secure := s.conn.TLSConnectionState()
	s.mail = received{from: from, tls: secure}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.step("RCPT " + to); err != nil {
		return err
	}
	s.mail.to = append(s.mail.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.step("DATA"); err != nil {
		return err
	}
	s.mail.data = string(b)
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.mails = append(s.server.mails, s.mail)
	return nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

// certificate is self-signed, for 127.0.0.1; the file holds it as the authority to trust.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, path
}
