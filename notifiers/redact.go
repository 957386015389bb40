package notifiers

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
)

// Redactor takes secrets out of texts. It is safe for concurrent use.
type Redactor struct {
	replacer *strings.Replacer
}

// NewRedactor hides secrets, raw and as they look in a query. Ones of a single character are not
// hidden: that would take harmless words apart.
func NewRedactor(secrets ...string) *Redactor {
	var pairs []string
	for _, s := range secrets {
		if len(s) > 1 {
			pairs = append(pairs, s, placeholder, url.QueryEscape(s), placeholder)
		}
	}
	return &Redactor{strings.NewReplacer(pairs...)}
}

const placeholder = "<secret>"

// Text returns s without the secrets.
func (r *Redactor) Text(s string) string { return r.replacer.Replace(s) }

// Error returns err with another text. errors.Is still sees the cause, so that a caller can ask for a
// cancelled context, but nobody can unwrap it and print it.
func (r *Redactor) Error(err error) error {
	return &redactedError{r.Text(err.Error()), err}
}

type redactedError struct {
	text  string
	cause error
}

func (e *redactedError) Error() string        { return e.text }
func (e *redactedError) Is(target error) bool { return errors.Is(e.cause, target) }

// basic is a name and a password as a header has them: RFC 7617.
func basic(name, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(name + ":" + password))
}

// addressSecrets lists what of an address may be one: all of it, its query's values, a password (also as the header has it,
// which some repeat), and long segments of its path, where chat services put their tokens.
func addressSecrets(u *url.URL) []string {
	secrets := []string{u.String(), u.RawQuery}
	if password, ok := u.User.Password(); ok {
		secrets = append(secrets, password, basic(u.User.Username(), password))
	}
	for _, values := range u.Query() {
		secrets = append(secrets, values...)
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if len(segment) >= 16 {
			secrets = append(secrets, segment)
		}
	}
	return secrets
}
