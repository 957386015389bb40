package api

import (
	"encoding/json"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline/alertjson"
)

// read reads an event of Falco. What is not plain JSON goes to encoding/json, which says what is wrong with it, if
// anything is.
func (e *falcoEvent) read(body []byte) error {
	if fast := (falcoEvent{}); fast.readPlain(string(body)) {
		*e = fast
		return nil
	}
	return json.Unmarshal(body, e)
}

func (e *falcoEvent) readPlain(body string) bool {
	s := alertjson.NewScanner(body)
	seen := make([]string, 0, 16)
	err := s.Object(func(key string) (err error) {
		for _, k := range seen {
			if k == key {
				return alertjson.ErrOdd // encoding/json joins maps
			}
		}
		seen = append(seen, key)
		switch key {
		case "uuid":
			e.UUID, err = s.String()
			e.UUID = strings.Clone(e.UUID) // it is remembered for long, and would keep the whole text
		case "time":
			e.Time, err = s.Time()
		case "rule":
			e.Rule, err = s.String()
		case "priority":
			e.Priority, err = s.String()
		case "source":
			e.Source, err = s.String()
		case "hostname":
			e.Hostname, err = s.String()
		case "output":
			e.Output, err = s.String()
		case "message":
			e.Message, err = s.String()
		case "tags":
			e.Tags, err = s.Texts()
		case "output_fields":
			e.OutputFields, err = s.Fields()
		default:
			err = alertjson.ErrOdd
		}
		return err
	})
	return err == nil && s.End()
}
