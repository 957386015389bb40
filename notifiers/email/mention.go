package email

import (
	"fmt"
	netmail "net/mail"
	"slices"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// recipients are those of the entry, and the people on call whose address is known.
func (m *Mailer) recipients(people []pipeline.Person) ([]*netmail.Address, error) {
	all := slices.Clone(m.to)
	for _, p := range people {
		if p.Email == "" {
			continue
		}
		a, err := netmail.ParseAddress(p.Email)
		if err != nil {
			return nil, fmt.Errorf("the mail address of %q: %w", p.Name, err)
		}
		if !slices.Contains(addresses(all), a.Address) {
			all = append(all, a)
		}
	}
	return all, nil
}

// Calls says who of the people on call gets the entry's mails too.
func (c Config) Calls() notifiers.Mention { return c.Mention }

// Calls is its configuration's.
func (m *Mailer) Calls() notifiers.Mention { return m.cfg.Mention }
