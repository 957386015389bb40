package suggest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// YAML is the entry for a whitelist file. Values are in double quotes, as JSON has them, which YAML reads the
// same way; so are those in comments, where a line break would end the comment.
func (e *Entry) YAML() string { return e.yaml("") }

func (e *Entry) yaml(reason string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Suggested for the alert of %s. Make it narrower where you can.\n", e.of.UTC().Format(time.RFC3339))
	for _, n := range e.Notes {
		fmt.Fprintf(&b, "# Note: %s\n", comment(n))
	}
	fmt.Fprintf(&b, "- id: %s\n", quoted(e.ID))
	fmt.Fprintf(&b, "  reason: %s # TODO: why is this allowed? The entry is refused without.\n", quoted(reason))
	owner := ""
	if e.Owner == "" {
		owner = " # TODO: who looks after it?"
	}
	fmt.Fprintf(&b, "  owner: %s%s\n", quoted(e.Owner), owner)
	fmt.Fprintf(&b, "  approver: %s # TODO: who says so?\n", quoted(""))
	if strings.HasPrefix(e.Rule, "tag:") { // not a tag, though it looks like one
		fmt.Fprintf(&b, "  rules: [{rule: %s}]\n", quoted(e.Rule))
	} else {
		fmt.Fprintf(&b, "  rules: [%s]\n", quoted(e.Rule))
	}
	fmt.Fprintln(&b, "  match:")
	for _, t := range e.Terms {
		fmt.Fprintf(&b, "    %s: [%s]\n", key(t.Field), quoted(t.Text))
	}
	fmt.Fprintf(&b, "  expires: %s\n", e.Expires.UTC().Format(time.DateOnly))
	return b.String()
}

// quoted is s as a YAML double-quoted scalar. JSON leaves a few characters as they are that YAML takes for line
// breaks or refuses.
func quoted(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string into memory
	text := strings.TrimSuffix(b.String(), "\n")
	return breaks.Replace(text)
}

var breaks = strings.NewReplacer("\u0085", `\u0085`, "\u2028", `\u2028`, "\u2029", `\u2029`, "\ufeff", `\ufeff`, "\u007f", `\u007f`)

// key is a field's name as a key: bare where it is what names of fields are made of.
func key(name string) string {
	if isMade(name, small+decimal+"._") {
		return name
	}
	return quoted(name)
}

// comment is s on one line, without what YAML does not allow.
func comment(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == '\ufeff' {
			return -1
		}
		return c
	}, strings.Join(strings.Fields(s), " "))
}
