package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	connectTimeout = 5 * time.Second
	// dialogueTimeout bounds one attempt. SMTP servers are slower than robots: greylisting, spam checks
	// and name look-ups take seconds.
	dialogueTimeout = 30 * time.Second
)

// Names of the AUTH mechanisms that are spoken.
const (
	mechanismPlain   = "plain"
	mechanismLogin   = "login"
	mechanismCRAMMD5 = "cram-md5"
	mechanismXOAUTH2 = "xoauth2"
)

// deliver holds one dialogue and sends raw to all of to that the server takes. refused are the others,
// each with the server's answer. After the server has confirmed the mail nothing can fail any more.
func (m *Mailer) deliver(ctx context.Context, to []string, raw []byte) (refused map[string]error, err error) {
	ctx, cancel := context.WithTimeout(ctx, dialogueTimeout)
	defer cancel()
	c, hangUp, err := m.connect(ctx)
	if err != nil {
		return nil, m.failAt("connect to the smarthost", err)
	}
	defer hangUp()
	if err := m.secure(c); err != nil {
		return nil, m.failAt("secure the connection", err)
	}
	if err := m.authenticate(ctx, c); err != nil {
		return nil, m.failAt("authenticate", err)
	}
	if err := c.Mail("<" + m.from.Address + ">"); err != nil {
		return nil, m.failAt("MAIL FROM", err)
	}
	refused = map[string]error{}
	for _, rcpt := range to {
		err := c.Rcpt("<" + rcpt + ">")
		var answer *textproto.Error
		switch {
		case errors.As(err, &answer):
			refused[rcpt] = err
		case err != nil:
			return nil, m.failAt("RCPT TO", err)
		}
	}
	if len(refused) == len(to) {
		return refused, nil
	}
	if err := send(c, raw); err != nil {
		e := m.failAt("DATA", err)
		var answer *textproto.Error
		e.Unknown = !errors.As(err, &answer) // it may have taken the mail, and its answer was lost
		if answer != nil && answer.Code == codeTooLarge {
			return nil, &tooLargeError{e}
		}
		return nil, e
	}
	// The mail is the server's now: an error here must not make it come twice.
	_ = c.Quit()
	return refused, nil
}

func send(c *smtp.Client, raw []byte) error {
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(raw); err != nil {
		return err
	}
	return w.Close()
}

// connect dials and reads the greeting. The dialogue ends at ctx's end whatever the server does; the
// returned function hangs up.
func (m *Mailer) connect(ctx context.Context) (*smtp.Client, func(), error) {
	address := net.JoinHostPort(m.host, m.port)
	dialer := &net.Dialer{Timeout: connectTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	// A deadline in the past wakes every read and write; it also stands for ctx's own deadline.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	hangUp := func() {
		stop()
		_ = conn.Close() // nothing depends on a connection that is given up
	}
	serverConn := conn
	if m.cfg.implicitTLS(m.port) {
		secured := tls.Client(conn, m.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			hangUp()
			return nil, nil, fmt.Errorf("TLS: %w", err)
		}
		serverConn = secured
	}
	c, err := smtp.NewClient(serverConn, m.host)
	if err == nil {
		err = c.Hello(m.hello)
	}
	if err != nil {
		hangUp()
		return nil, nil, err
	}
	return c, hangUp, nil
}

var errNoSTARTTLS = errors.New("the server does not offer STARTTLS, and require_tls is on: nothing was sent")

// secure switches to TLS where the server offers it, and gives up where it does not but must. An
// attacker on the way can hide the offer, so no is never taken for an answer while require_tls is on.
func (m *Mailer) secure(c *smtp.Client) error {
	if m.cfg.implicitTLS(m.port) {
		return nil
	}
	if offered, _ := c.Extension("STARTTLS"); offered {
		return c.StartTLS(m.tls)
	}
	if m.cfg.requireTLS() {
		return errNoSTARTTLS
	}
	return nil
}

var errNoMechanism = errors.New("the server offers neither PLAIN nor LOGIN")

// authenticate logs in if a user name is configured. The password is only sent under TLS, or to this
// machine.
func (m *Mailer) authenticate(ctx context.Context, c *smtp.Client) error {
	if m.cfg.AuthUsername == "" {
		return nil
	}
	_, offer := c.Extension("AUTH")
	mechanism := strings.ToLower(m.cfg.AuthMechanism)
	if mechanism == "" && m.tokens != nil {
		mechanism = mechanismXOAUTH2
	}
	if mechanism == "" && m.password == "" && m.secret != "" {
		mechanism = mechanismCRAMMD5
	}
	if mechanism == "" {
		for _, offered := range strings.Fields(strings.ToLower(offer)) {
			if offered == mechanismPlain || offered == mechanismLogin && mechanism == "" {
				mechanism = offered
			}
		}
	}
	switch mechanism {
	case mechanismPlain:
		return m.loggedIn(c.Auth(smtp.PlainAuth(m.cfg.AuthIdentity, m.cfg.AuthUsername, m.password, m.host, false)))
	case mechanismLogin:
		return m.loggedIn(c.Auth(smtp.LoginAuth(m.cfg.AuthUsername, m.password, m.host, false)))
	case mechanismCRAMMD5:
		return m.loggedIn(c.Auth(smtp.CRAMMD5Auth(m.cfg.AuthUsername, m.secret)))
	case mechanismXOAUTH2:
		return m.tokenLogin(ctx, c)
	default:
		return errNoMechanism
	}
}

// tokenLogin logs in with a token. One that the server refuses is not used again.
func (m *Mailer) tokenLogin(ctx context.Context, c *smtp.Client) error {
	if _, secure := c.TLSConnectionState(); !secure {
		return smtp.ErrUnencrypted // a token is as good as a password
	}
	token, err := m.tokens.Get(ctx, m.staleToken())
	if err != nil {
		return err
	}
	m.usedToken.Store(&token)
	if err := c.Auth(smtp.XOAuth2Auth(m.cfg.AuthUsername, token)); err != nil {
		m.refusedToken.Store(&token)
		if m.tokenWorked.Swap(false) { // it ended early: the next attempt has another
			return &staleTokenError{err}
		}
		return m.loggedIn(err)
	}
	m.tokenWorked.Store(true)
	return nil
}

// staleTokenError is the refusal of a token that was taken before.
type staleTokenError struct{ err error }

func (e *staleTokenError) Error() string { return "the token is not taken any more: " + e.err.Error() }

func (m *Mailer) staleToken() string {
	if t := m.refusedToken.Load(); t != nil {
		return *t
	}
	return ""
}

// tooLargeError is the refusal of a mail for its size (RFC 1870).
type tooLargeError struct{ *pipeline.DeliveryError }

func (e *tooLargeError) Unwrap() error { return e.DeliveryError }

// codeTooLarge is the answer to a mail that is larger than the server takes.
const codeTooLarge = 552

// loginError marks that the server or the library refused the login: a human must act.
type loginError struct{ err error }

func (e *loginError) Error() string { return e.err.Error() }
func (e *loginError) Unwrap() error { return e.err }

func (m *Mailer) loggedIn(err error) error {
	if err == nil {
		return nil
	}
	return &loginError{err}
}

// failAt wraps an error of the dialogue, naming the step.
func (m *Mailer) failAt(step string, err error) *pipeline.DeliveryError {
	return m.fail(classOf(err), fmt.Errorf("%s: %w", step, err))
}

// classOf reads an SMTP failure: 4xx asks to come back (greylisting does), 5xx is final. A refused
// login or missing TLS needs a human.
func classOf(err error) pipeline.DeliveryClass {
	for _, ours := range []error{errNoSTARTTLS, errNoMechanism, smtp.ErrUnencrypted} {
		if errors.Is(err, ours) {
			return pipeline.ChannelDown
		}
	}
	var answer *textproto.Error
	if !errors.As(err, &answer) { // a token that ended, too
		return notifiers.ClassOfBroken(err)
	}
	var login *loginError
	switch {
	case answer.Code < 500:
		return pipeline.Retry
	case errors.As(err, &login), answer.Code == 530, answer.Code == 535, answer.Code == 538:
		return pipeline.ChannelDown
	default:
		return pipeline.BadMessage
	}
}
