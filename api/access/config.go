package access

import "fmt"

// Config is the http.auth block of the configuration: who may post, read, silence and reload. Health stays open.
type Config struct {
	// TokensFile holds bearer tokens, a line each: NAME SCOPES HASH, which `tocsin token new` makes.
	TokensFile string `yaml:"tokens_file"`
	// UsersFile holds users with passwords, a line each: NAME:BCRYPT:SCOPES.
	UsersFile string `yaml:"users_file"`
	// WebhookSecretsFile holds secrets of senders that sign as Standard Webhooks does, a line each: NAME whsec_SECRET.
	// They may post, and nothing else.
	WebhookSecretsFile string `yaml:"webhook_secrets_file"`
	// ClientCerts say what holders of certificates of http.tls.client_ca_file may do. Without entries: everything, if
	// nothing else is configured here; else nothing by the certificate alone.
	ClientCerts []Certificate `yaml:"client_certs"`
	// AllowAnonymous lets anyone in on an address beyond loopback; without it such a listener needs one of the above, or
	// client certificates.
	AllowAnonymous bool `yaml:"allow_anonymous"`
	// ProtectMetrics makes /metrics need the scope read; by default it is open.
	ProtectMetrics bool `yaml:"protect_metrics"`
}

// Validate names the key that is wrong.
func (c Config) Validate() error {
	for i, cert := range c.ClientCerts {
		if err := cert.Validate(); err != nil {
			return fmt.Errorf("http.auth.client_certs[%d]: %w", i, err)
		}
	}
	return nil
}

// Named reports whether callers have to be known by something other than just any certificate.
func (c Config) Named() bool {
	return c.TokensFile != "" || c.UsersFile != "" || c.WebhookSecretsFile != "" || len(c.ClientCerts) > 0
}
