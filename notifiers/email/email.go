package email

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	netmail "net/mail"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Mailer sends to the recipients of one entry. It is safe for concurrent use.
type Mailer struct {
	cfg        Config
	id         string
	receiver   string
	host, port string
	from       *netmail.Address
	to         []*netmail.Address
	hello      string
	password   string
	secret     string            // for CRAM-MD5
	tokens     *notifiers.Tokens // for XOAUTH2; nil: none

	refusedToken atomic.Pointer[string] // the latest that the server did not take
	usedToken    atomic.Pointer[string] // the latest that it was given
	tokenWorked  atomic.Bool            // the latest that was used was taken

	redact *notifiers.Redactor
	tls    *tls.Config
	parts  notifiers.Parts // a part is a recipient's address
	log    *slog.Logger
	now    func() time.Time
}

var _ pipeline.Notifier = (*Mailer)(nil)

// New returns a mailer for one entry of receiver's email_configs, merged with the global defaults.
func New(cfg Config, receiver string, log *slog.Logger) (*Mailer, error) {
	fail := func(err error) (*Mailer, error) {
		return nil, fmt.Errorf("email_configs of receiver %q: %w", receiver, err)
	}
	if err := cfg.Validate(); err != nil {
		return fail(err)
	}
	m := &Mailer{cfg: cfg, receiver: receiver, hello: cfg.Hello, log: log.With("receiver", receiver), now: time.Now}
	var err error
	if m.host, m.port, err = net.SplitHostPort(cfg.Smarthost); err != nil {
		return fail(err)
	}
	if m.from, err = netmail.ParseAddress(cfg.From); err != nil {
		return fail(err)
	}
	if m.to, err = netmail.ParseAddressList(cfg.To); err != nil {
		return fail(err)
	}
	password, err := notifiers.ReadSecret("auth_password", cfg.AuthPassword, cfg.AuthPasswordFile)
	if err != nil {
		return fail(err)
	}
	secret, err := notifiers.ReadSecret("auth_secret", cfg.AuthSecret, cfg.AuthSecretFile)
	if err != nil {
		return fail(err)
	}
	m.password, m.secret = string(password), string(secret)
	hidden := append([]string{m.password, m.secret}, asSent(cfg, m.password)...)
	if cfg.AuthOAuth2 != nil {
		var more []string
		if m.tokens, more, err = cfg.AuthOAuth2.Tokens(); err != nil {
			return fail(err)
		}
		hidden = append(hidden, more...)
	}
	m.redact = notifiers.NewRedactor(hidden...)
	var tlsConfig notifiers.TLSConfig
	if cfg.TLSConfig != nil {
		tlsConfig = *cfg.TLSConfig
	}
	if m.tls, err = tlsConfig.Load(); err != nil {
		return fail(err)
	}
	if m.tls.ServerName == "" {
		m.tls.ServerName = m.host
	}
	if m.hello == "" {
		m.hello = hostname()
	}
	m.id = notifiers.ID("email", cfg.Smarthost+"\x00"+m.from.Address+"\x00"+strings.Join(addresses(m.to), ","))
	return m, nil
}

// hostname is what EHLO says: some servers refuse "localhost".
func hostname() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "localhost" // nothing better is known, and EHLO needs a name
	}
	return name
}

// ID names server, sender and recipients.
func (m *Mailer) ID() string { return m.id }

// Notify mails the message to all who do not have it yet.
func (m *Mailer) Notify(ctx context.Context, msg pipeline.Message) error {
	err := m.send(ctx, msg)
	m.parts.Settle(msg.ID, err)
	return err
}

func (m *Mailer) send(ctx context.Context, msg pipeline.Message) error {
	recipients, err := m.recipients(msg.Mentions)
	if err != nil {
		return m.fail(pipeline.BadMessage, err)
	}
	pending := slices.DeleteFunc(addresses(recipients), func(to string) bool {
		return m.parts.Sent(msg.ID, to) || m.parts.Sent(msg.ID, hopeless+to)
	})
	refused, err := m.mail(ctx, msg, recipients, pending, m.cfg.Attach)
	if large := (*tooLargeError)(nil); errors.As(err, &large) && len(m.cfg.Attach) > 0 {
		m.log.Warn("the smarthost refused a mail as too large; it goes without its attachments", "err", err)
		refused, err = m.mail(ctx, msg, recipients, pending, nil)
	}
	if err != nil {
		return err
	}
	for _, to := range pending {
		switch err := refused[to]; {
		case err == nil:
			m.parts.Add(msg.ID, to)
		case classOf(err) != pipeline.Retry:
			m.parts.Add(msg.ID, hopeless+to)
		}
	}
	return m.outcome(msg.ID, addresses(recipients), refused)
}

// hopeless marks recipients that the server refused for good: they are not tried again with those that it refused for now.
const hopeless = "hopeless "

// mail composes the mail and sends it.
func (m *Mailer) mail(ctx context.Context, msg pipeline.Message, recipients []*netmail.Address, pending, files []string) (map[string]error, error) {
	raw, err := m.compose(msg, recipients, files)
	if err != nil {
		return nil, m.fail(pipeline.BadMessage, fmt.Errorf("compose the mail: %w", err))
	}
	return m.deliver(ctx, pending, raw)
}

// outcome is what came of a mail. While one recipient whom the server refused is worth trying again, it asks for that; else
// the mail is delivered, if anybody has it.
func (m *Mailer) outcome(id string, recipients []string, refused map[string]error) error {
	var now, ever []string // refused for now, and for good by this attempt or one before
	someHave := false
	for _, to := range recipients {
		err := refused[to]
		switch {
		case m.parts.Sent(id, to):
			someHave = true
		case err == nil:
			ever = append(ever, to+": refused before")
		case classOf(err) == pipeline.Retry:
			now = append(now, fmt.Sprintf("%s: %v", to, err))
		default:
			ever = append(ever, fmt.Sprintf("%s: %v", to, err))
		}
	}
	all := fmt.Errorf("recipients refused: %s", strings.Join(append(now, ever...), "; "))
	switch {
	case len(now) > 0:
		return m.fail(pipeline.Retry, all)
	case len(ever) == 0:
		m.log.Debug("mail sent")
		return nil
	case !someHave:
		return m.fail(pipeline.BadMessage, all)
	default:
		return &pipeline.MissedError{Receiver: m.receiver, Recipients: len(ever), Err: m.fail(pipeline.BadMessage, all).Err}
	}
}

func (m *Mailer) fail(class pipeline.DeliveryClass, err error) *pipeline.DeliveryError {
	err = m.redact.Error(err)
	if t := m.usedToken.Load(); t != nil {
		err = notifiers.NewRedactor(*t, xoauth2(m.cfg.AuthUsername, *t)).Error(err)
	}
	return &pipeline.DeliveryError{Class: class, Receiver: m.receiver, Err: err}
}

// xoauth2 is a token as a login has it.
func xoauth2(user, token string) string {
	return base64.StdEncoding.EncodeToString([]byte("user=" + user + "\x01auth=Bearer " + token + "\x01\x01"))
}

// asSent are a password as a login has it, PLAIN and LOGIN: some servers repeat the line that they refuse.
func asSent(cfg Config, password string) []string {
	if password == "" {
		return nil
	}
	plain := cfg.AuthIdentity + "\x00" + cfg.AuthUsername + "\x00" + password
	return []string{base64.StdEncoding.EncodeToString([]byte(plain)), base64.StdEncoding.EncodeToString([]byte(password))}
}

func addresses(list []*netmail.Address) []string {
	plain := make([]string, len(list))
	for i, a := range list {
		plain[i] = a.Address
	}
	return plain
}
