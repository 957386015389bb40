package notifiers

import (
	"fmt"
	"slices"
	"strings"
)

// OnCall is the text of a Mention of whoever is on call for the worst alert of a message.
const OnCall = "on_call"

// Mention says whom of the people on call a receiver's messages call. In YAML it is on_call, or {rotation: NAME}. Its
// zero value calls nobody.
type Mention struct {
	OnCall   bool   // who is on call by the alert's label on_call
	Rotation string // who is on call there, whatever the alert says; the name of a group or a person does too

	wrong string // what it is instead
}

// UnmarshalYAML takes whatever is there; Validate knows the place, and says what is wrong with it.
func (m *Mention) UnmarshalYAML(unmarshal func(any) error) error {
	*m = Mention{}
	var text string
	var keys map[string]string
	switch {
	case unmarshal(&keys) == nil:
		m.Rotation = keys["rotation"]
		if m.Rotation == "" || len(keys) > 1 {
			m.wrong = "a mapping of other keys"
		}
	case unmarshal(&text) == nil:
		if m.OnCall = text == OnCall; !m.OnCall {
			m.wrong = fmt.Sprintf("%q", text)
		}
	default:
		m.wrong = "neither a text nor a mapping"
	}
	return nil
}

// Validate checks what was read.
func (m Mention) Validate() error {
	if m.wrong != "" {
		return fmt.Errorf("mention: %s: write on_call, or {rotation: NAME}", m.wrong)
	}
	return nil
}

// Also returns a list with one more, unless it is there or empty.
func Also(list []string, one string) []string {
	if one == "" || slices.Contains(list, one) {
		return list
	}
	return append(slices.Clip(list), one)
}

// AlsoMobile is Also for phone numbers, as groups in chats know them: those of China are without the country's code.
func AlsoMobile(list []string, number string) []string {
	if local, ok := strings.CutPrefix(number, "+86"); ok {
		number = strings.NewReplacer(" ", "", "-", "").Replace(local)
	}
	return Also(list, number)
}
