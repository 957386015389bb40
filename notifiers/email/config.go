package email

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Global holds the smtp_* keys of the global block: defaults for every entry of email_configs.
type Global struct {
	Smarthost        string              `yaml:"smtp_smarthost"` // host:port
	From             string              `yaml:"smtp_from"`
	Hello            string              `yaml:"smtp_hello"` // default: this machine's name
	AuthUsername     string              `yaml:"smtp_auth_username"`
	AuthPassword     pipeline.Secret     `yaml:"smtp_auth_password"`
	AuthPasswordFile string              `yaml:"smtp_auth_password_file"`
	AuthSecret       pipeline.Secret     `yaml:"smtp_auth_secret"`
	AuthSecretFile   string              `yaml:"smtp_auth_secret_file"`
	AuthIdentity     string              `yaml:"smtp_auth_identity"`
	RequireTLS       *bool               `yaml:"smtp_require_tls"` // default true
	ForceImplicitTLS *bool               `yaml:"smtp_force_implicit_tls"`
	TLSConfig        notifiers.TLSConfig `yaml:"smtp_tls_config"`
}

// Validate checks what entries of email_configs do not check again.
func (g Global) Validate() error {
	if err := notifiers.OneOf("smtp_auth_secret", g.AuthSecret, g.AuthSecretFile); err != nil {
		return fmt.Errorf("smtp_auth_secret: %w", err)
	}
	if err := notifiers.OneOf("smtp_auth_password", g.AuthPassword, g.AuthPasswordFile); err != nil {
		return fmt.Errorf("smtp_auth_password: %w", err)
	}
	if err := g.TLSConfig.Validate(); err != nil {
		return fmt.Errorf("smtp_tls_config: %w", err)
	}
	return nil
}

// Config is one entry of email_configs. What it leaves out comes from Global: call Merge.
type Config struct {
	SendResolved     bool                 `yaml:"send_resolved"` // default false, as in Alertmanager
	To               string               `yaml:"to"`            // addresses, separated by commas
	From             string               `yaml:"from"`
	Smarthost        string               `yaml:"smarthost"` // host:port; 465 is implicit TLS, others STARTTLS
	Hello            string               `yaml:"hello"`     // name in EHLO; default: this machine's
	AuthUsername     string               `yaml:"auth_username"`
	AuthPassword     pipeline.Secret      `yaml:"auth_password"`
	AuthPasswordFile string               `yaml:"auth_password_file"` // a file that holds it; excludes auth_password
	AuthIdentity     string               `yaml:"auth_identity"`      // for PLAIN; default none
	AuthSecret       pipeline.Secret      `yaml:"auth_secret"`        // for CRAM-MD5
	AuthSecretFile   string               `yaml:"auth_secret_file"`   // a file that holds it; excludes auth_secret
	AuthOAuth2       *notifiers.OAuth2    `yaml:"auth_oauth2"`        // ours: where tokens for XOAUTH2 come from
	AuthMechanism    string               `yaml:"auth_mechanism"`     // plain, login, cram-md5 or xoauth2; default: what the server offers of the first two, and what there is a secret for
	RequireTLS       *bool                `yaml:"require_tls"`        // default true: without TLS nothing is sent
	ForceImplicitTLS *bool                `yaml:"force_implicit_tls"` // default: on port 465 only
	TLSConfig        *notifiers.TLSConfig `yaml:"tls_config"`
	Threading        Threading            `yaml:"threading"`
	Attach           []string             `yaml:"attach"`  // ours: json, csv: the alerts as files; default none
	Headers          map[string]string    `yaml:"headers"` // fixed texts; Subject is a template; default none

	MaxPerMinute notifiers.PerMinute `yaml:"max_per_minute"` // fewer messages a minute than the channel takes; default as many

	Mention notifiers.Mention `yaml:"mention"` // who of the people on call gets it too; default nobody

	HTML string `yaml:"html"` // template of the HTML part; default built in
	Text string `yaml:"text"` // template of the text part; default built in
}

// DefaultConfig is what an entry starts from.
func DefaultConfig() Config { return Config{} }

// Merge fills what c leaves out from g.
func (c Config) Merge(g Global) Config {
	c.Smarthost = or(c.Smarthost, g.Smarthost)
	c.From = or(c.From, g.From)
	c.Hello = or(c.Hello, g.Hello)
	c.AuthIdentity = or(c.AuthIdentity, g.AuthIdentity)
	c.AuthUsername = or(c.AuthUsername, g.AuthUsername)
	if c.AuthPassword == "" && c.AuthPasswordFile == "" {
		c.AuthPassword, c.AuthPasswordFile = g.AuthPassword, g.AuthPasswordFile
	}
	if c.AuthSecret == "" && c.AuthSecretFile == "" {
		c.AuthSecret, c.AuthSecretFile = g.AuthSecret, g.AuthSecretFile
	}
	if c.RequireTLS == nil {
		c.RequireTLS = g.RequireTLS
	}
	if c.ForceImplicitTLS == nil {
		c.ForceImplicitTLS = g.ForceImplicitTLS
	}
	if c.TLSConfig == nil {
		c.TLSConfig = &g.TLSConfig
	}
	return c
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// Validate checks the merged entry without reading files.
func (c Config) Validate() error {
	if err := c.MaxPerMinute.Validate(limits()); err != nil {
		return err
	}
	if c.To == "" {
		return errors.New("to is missing")
	}
	if _, err := mail.ParseAddressList(c.To); err != nil {
		return fmt.Errorf("to %q: %w", c.To, err)
	}
	if c.From == "" {
		return errors.New("from is missing: set it here or as global smtp_from")
	}
	if _, err := mail.ParseAddress(c.From); err != nil {
		return fmt.Errorf("from %q: %w", c.From, err)
	}
	if c.Smarthost == "" {
		return errors.New("smarthost is missing: set it here or as global smtp_smarthost")
	}
	if host, port, err := net.SplitHostPort(c.Smarthost); err != nil || host == "" || port == "" {
		return fmt.Errorf("smarthost %q: write host:port, as in smtp.example.org:587", c.Smarthost)
	}
	if err := notifiers.OneOf("auth_password", c.AuthPassword, c.AuthPasswordFile); err != nil {
		return err
	}
	if err := c.validateAuth(); err != nil {
		return err
	}
	if err := c.Threading.validate(); err != nil {
		return err
	}
	for _, kind := range c.Attach {
		if kind != attachJSON && kind != attachCSV {
			return fmt.Errorf("attach %q: use json or csv", kind)
		}
	}
	if c.TLSConfig != nil {
		if err := c.TLSConfig.Validate(); err != nil {
			return err
		}
	}
	if err := c.Mention.Validate(); err != nil {
		return err
	}
	return validateHeaders(c.Headers)
}

func (c Config) validateAuth() error {
	if err := notifiers.OneOf("auth_secret", c.AuthSecret, c.AuthSecretFile); err != nil {
		return err
	}
	switch mechanism := strings.ToLower(c.AuthMechanism); mechanism {
	case "", mechanismPlain, mechanismLogin:
	case mechanismCRAMMD5:
		if c.AuthSecret == "" && c.AuthSecretFile == "" {
			return errors.New("auth_mechanism cram-md5: auth_secret is missing")
		}
	case mechanismXOAUTH2:
		if c.AuthOAuth2 == nil {
			return errors.New("auth_mechanism xoauth2: auth_oauth2 is missing, where tokens come from")
		}
	default:
		return fmt.Errorf("auth_mechanism %q: use plain, login, cram-md5 or xoauth2, or leave it out", c.AuthMechanism)
	}
	if c.AuthOAuth2 != nil {
		return c.AuthOAuth2.Validate()
	}
	return nil
}

// ownHeaders are written by us; a second one would make the mail invalid.
var ownHeaders = []string{"from", "to", "date", "message-id", "mime-version", "content-type", "content-transfer-encoding", "in-reply-to", "references", "list-id"}

// validateHeaders refuses what would break out of a header: RFC 5322 ends a field at CR LF.
func validateHeaders(headers map[string]string) error {
	for name, value := range headers {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == ':' || r > '~' }) {
			return fmt.Errorf("headers: %q is not a header's name", name)
		}
		if slices.Contains(ownHeaders, strings.ToLower(name)) {
			return fmt.Errorf("headers: %s is set by tocsin; use from and to for the addresses", name)
		}
		if strings.ContainsAny(value, "\r\n") {
			return fmt.Errorf("headers: %s has a line break", name)
		}
	}
	return nil
}

// Spec is what the entry wants its messages made of.
func (c Config) Spec() notifiers.Spec {
	s := notifiers.Spec{Kind: "email", Body: c.Text, HTML: c.HTML}
	for name, value := range c.Headers {
		if strings.EqualFold(name, "Subject") {
			s.Title = value
		}
	}
	return s
}

func (c Config) requireTLS() bool { return c.RequireTLS == nil || *c.RequireTLS }

// implicitTLS: port 465 is TLS from the first byte (RFC 8314).
func (c Config) implicitTLS(port string) bool {
	if c.ForceImplicitTLS != nil {
		return *c.ForceImplicitTLS
	}
	return port == "465"
}
