package access

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Scope is what a request needs to be allowed to do.
type Scope string

// Scopes.
const (
	Intake Scope = "intake" // post events, alerts, reports
	Read   Scope = "read"   // see alerts, silences, status
	Write  Scope = "write"  // silence, acknowledge
	Admin  Scope = "admin"  // reload; all of the others
)

// Scopes are those that a caller has.
type Scopes []Scope

// known are the scopes in the order in which people are told of them.
var known = Scopes{Intake, Read, Write, Admin}

// All is every scope.
func All() Scopes { return Scopes{Admin} }

// Has reports whether the caller may do what needs s.
func (all Scopes) Has(s Scope) bool { return slices.Contains(all, s) || slices.Contains(all, Admin) }

// Validate refuses an empty list and words that are no scopes.
func (all Scopes) Validate() error {
	if len(all) == 0 {
		return errors.New("no scopes: use some of " + known.String())
	}
	for _, s := range all {
		if !slices.Contains(known, s) {
			return fmt.Errorf("unknown scope %q: use some of %s", s, known)
		}
	}
	return nil
}

// String is the list as files have it: intake,read.
func (all Scopes) String() string {
	words := make([]string, len(all))
	for i, s := range all {
		words[i] = string(s)
	}
	return strings.Join(words, ",")
}

// ParseScopes reads intake,read.
func ParseScopes(text string) (Scopes, error) {
	var all Scopes
	for word := range strings.SplitSeq(text, ",") {
		all = append(all, Scope(strings.TrimSpace(word)))
	}
	return all, all.Validate()
}

// Methods by which a caller is known. They are also values of a metric's label.
const (
	ByToken       = "token"
	ByPassword    = "basic"
	ByCertificate = "certificate"
	BySignature   = "signature"
	ByNothing     = "anonymous"
)

// Caller is who a request comes from.
type Caller struct {
	Name    string // of the token, user, certificate or secret; of an anonymous one its address
	By      string // one of the above
	Scopes  Scopes
	Message Message // of a signed request, what it is known by; else zero
}

// Require returns a *Refusal when the caller may not do what needs s.
func (c Caller) Require(s Scope) error {
	if c.Scopes.Has(s) {
		return nil
	}
	return &Refusal{Status: http.StatusForbidden, Reason: "scope",
		Message: fmt.Sprintf("this needs the scope %s: %s %q has %s", s, c.By, c.Name, orNone(c.Scopes))}
}

func orNone(s Scopes) string {
	if len(s) == 0 {
		return "none"
	}
	return s.String()
}
