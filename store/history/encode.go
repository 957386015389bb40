package history

import (
	"encoding/json"
	"fmt"

	"github.com/tocsin-security/tocsin/pipeline"
)

// encodeAlert writes an alert's JSON. Its maps, most of it, are written here: encoding/json sorts them, which costs more
// than all the rest of keeping an alert.
func encodeAlert(a *pipeline.Alert) ([]byte, error) {
	rest, err := json.Marshal(struct {
		*pipeline.Alert
		OutputFields *int `json:"output_fields,omitempty"` // in place of the alert's, and never there
		Labels       *int `json:"labels,omitempty"`
		Annotations  *int `json:"annotations,omitempty"`
	}{Alert: a})
	if err != nil {
		return nil, fmt.Errorf("encode alert %s of rule %q: %w", a.ID, a.Rule, err)
	}
	b := make([]byte, 0, 3*len(rest))
	b = append(b, rest[:len(rest)-1]...) // it has members: rule and others are always there
	b = appendStrings(append(b, `,"labels":`...), a.Labels)
	if len(a.Annotations) > 0 {
		b = appendStrings(append(b, `,"annotations":`...), a.Annotations)
	}
	b = append(b, `,"output_fields":{`...)
	for name, value := range a.OutputFields {
		b = append(appendString(b, name), ':')
		if text, ok := value.(string); ok {
			b = appendString(b, text)
		} else {
			encoded, err := json.Marshal(value)
			if err != nil {
				return nil, fmt.Errorf("encode field %s of alert %s: %w", name, a.ID, err)
			}
			b = append(b, encoded...)
		}
		b = append(b, ',')
	}
	return append(closeObject(b), '}'), nil
}

func appendStrings(b []byte, m map[string]string) []byte {
	b = append(b, '{')
	for name, value := range m {
		b = append(appendString(b, name), ':')
		b = append(appendString(b, value), ',')
	}
	return closeObject(b)
}

// closeObject takes the place of the last comma, if there is one.
func closeObject(b []byte) []byte {
	if b[len(b)-1] == ',' {
		b = b[:len(b)-1]
	}
	return append(b, '}')
}

// appendString writes s as a string of JSON.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // of a string it cannot fail
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
