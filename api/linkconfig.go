package api

import (
	"bytes"
	"fmt"
	"os"

	"github.com/tocsin-security/tocsin/pipeline"
)

// LinkConfig is about the links in messages to acknowledge and to silence an alert. There are some where
// render.external_url says how people reach us.
type LinkConfig struct {
	// Secret signs them; default: one that is made once and kept in the store, for all routers. At least 16 bytes.
	Secret     pipeline.Secret `yaml:"secret"`
	SecretFile string          `yaml:"secret_file"` // holds it, in place of secret
	// Lifetime is how long after its message a link can be used; default 24h: an alert that still matters then has been
	// told again, with another. 0: there are no links.
	Lifetime pipeline.Duration `yaml:"lifetime"`
}

// leastLinkSecret is in bytes: a shorter secret could be found by trying.
const leastLinkSecret = 16

func (c LinkConfig) validate() error {
	if c.Secret != "" && c.SecretFile != "" {
		return fmt.Errorf("http.links.secret_file: set secret or secret_file, not both")
	}
	if n := len(c.Secret); n > 0 && n < leastLinkSecret {
		return fmt.Errorf("http.links.secret: %d bytes could be guessed: use at least %d, as from openssl rand -hex 32", n, leastLinkSecret)
	}
	return nil
}

// Key is the configured secret; nil: none is.
func (c LinkConfig) Key() ([]byte, error) {
	if c.SecretFile == "" {
		return []byte(c.Secret), nil
	}
	text, err := os.ReadFile(c.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("http.links.secret_file: %w", err)
	}
	if text = bytes.TrimSpace(text); len(text) < leastLinkSecret {
		return nil, fmt.Errorf("http.links.secret_file: %s holds %d bytes, which could be guessed: use at least %d, as from openssl rand -hex 32", c.SecretFile, len(text), leastLinkSecret)
	}
	return text, nil
}
