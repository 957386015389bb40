package email

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Threading has mail programs show the mails of a group as one conversation. The keys are Alertmanager's.
type Threading struct {
	Enabled      bool   `yaml:"enabled"`
	ThreadByDate string `yaml:"thread_by_date"` // daily (default): a conversation for each day; none: one for all time
}

func (t Threading) validate() error {
	if t.ThreadByDate != "" && t.ThreadByDate != "daily" && t.ThreadByDate != "none" {
		return fmt.Errorf("threading.thread_by_date %q: use daily or none", t.ThreadByDate)
	}
	return nil
}

// root is the id of a mail that was never sent, of which all mails of a group say that they are answers (RFC 5322, section
// 3.6.4). "": they belong to nothing.
func (m *Mailer) root(msg pipeline.Message) string {
	if !m.cfg.Threading.Enabled || msg.GroupKey == "" {
		return ""
	}
	day := ""
	if m.cfg.Threading.ThreadByDate != "none" {
		day = "-" + m.now().UTC().Format(time.DateOnly)
	}
	sum := sha256.Sum256([]byte(msg.GroupKey))
	return "<group-" + hex.EncodeToString(sum[:8]) + day + "@" + domainOf(m.from.Address) + ">"
}

func domainOf(address string) string {
	_, domain, _ := strings.Cut(address, "@")
	return domain
}

// listID names the kind of mail, so that people can have all of a receiver's go to a folder (RFC 2919).
func (m *Mailer) listID(receiver string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, receiver)
	return "<" + name + ".tocsin." + domainOf(m.from.Address) + ">"
}
