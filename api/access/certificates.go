package access

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
)

// Certificate says what holders of client certificates may do.
type Certificate struct {
	// Name is what the certificate's common name or one of its alternative names (DNS, email, URI) has to be; * stands
	// for any text.
	Name   string `yaml:"name"`
	Scopes Scopes `yaml:"scopes"`
}

// Validate names the key that is wrong.
func (c Certificate) Validate() error {
	if c.Name == "" {
		return errors.New("name is missing: the certificate's common name, or a pattern as in sensor-*")
	}
	if err := c.Scopes.Validate(); err != nil {
		return fmt.Errorf("scopes: %w", err)
	}
	return nil
}

// certified returns the caller that a certificate names: the first entry that fits counts. Without entries every
// certificate of the authority may do everything. ok is false when none fits.
func certified(entries []Certificate, cert *x509.Certificate) (c Caller, ok bool) {
	names := certificateNames(cert)
	if len(entries) == 0 {
		return Caller{Name: names[0], By: ByCertificate, Scopes: All()}, true
	}
	for _, e := range entries {
		for _, name := range names {
			if name != "" && glob(e.Name, name) {
				return Caller{Name: name, By: ByCertificate, Scopes: e.Scopes}, true
			}
		}
	}
	return Caller{Name: names[0], By: ByCertificate}, false
}

// certificateNames begins with the common name, which may be "".
func certificateNames(cert *x509.Certificate) []string {
	names := append([]string{cert.Subject.CommonName}, cert.DNSNames...)
	names = append(names, cert.EmailAddresses...)
	for _, u := range cert.URIs {
		names = append(names, u.String())
	}
	return names
}

// glob reports whether the whole of s fits the pattern, in which * stands for any text.
func glob(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}
