package cloudevents

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Event is one event.
type Event struct {
	ID, Source string          // together they are the event's identity
	Body       json.RawMessage // a JSON object: attributes and extensions by name, and data or data_base64
}

// Members of an event that are no attributes.
const (
	dataMember   = "data"
	base64Member = "data_base64"
)

// attributeName is what the specification allows; it asks for no length.
var attributeName = regexp.MustCompile(`^[a-z0-9]{1,64}$`)

// newEvent checks an event's members and puts them together. Values of attributes are JSON.
func newEvent(members map[string]json.RawMessage) (Event, error) {
	var e Event
	text := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if name == dataMember || name == base64Member {
			continue
		}
		if string(members[name]) == "null" { // as if it were not there
			delete(members, name)
			continue
		}
		value, err := attribute(name, members[name])
		if err != nil {
			return e, err
		}
		text[name] = value
	}
	if got := text["specversion"]; got != "1.0" {
		return e, fmt.Errorf("specversion is %q: CloudEvents 1.0 is what is taken here", got)
	}
	for _, name := range []string{"id", "source", "type"} {
		if text[name] == "" {
			return e, fmt.Errorf("the attribute %s is missing or empty: id, source and type are required", name)
		}
	}
	if at := text["time"]; at != "" {
		if _, err := time.Parse(time.RFC3339Nano, at); err != nil {
			return e, fmt.Errorf("time %q is not as in RFC 3339", at)
		}
	}
	if err := readBase64(members, text["datacontenttype"]); err != nil {
		return e, err
	}
	body, err := json.Marshal(members)
	if err != nil {
		return e, fmt.Errorf("encode an event: %w", err)
	}
	return Event{ID: text["id"], Source: text["source"], Body: body}, nil
}

// standard are the attributes of the specification; all of them are text.
var standard = []string{"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"}

// attribute checks name and value, and returns the value as text.
func attribute(name string, value json.RawMessage) (string, error) {
	if !attributeName.MatchString(name) {
		return "", fmt.Errorf("the attribute %.80q: a name has lower-case letters and digits, at most 64", name)
	}
	var v any
	if err := json.Unmarshal(value, &v); err != nil {
		return "", fmt.Errorf("the attribute %s is not JSON: %w", name, err)
	}
	switch v := v.(type) {
	case string:
		if len(v) > longestAttribute {
			return "", fmt.Errorf("the attribute %s has %d bytes, at most %d are taken", name, len(v), longestAttribute)
		}
		return v, nil
	case bool, float64:
		if !slices.Contains(standard, name) {
			return string(value), nil
		}
	}
	if slices.Contains(standard, name) {
		return "", fmt.Errorf("the attribute %s is no text", name)
	}
	return "", fmt.Errorf("the attribute %s is neither text, number nor bool: what has parts belongs into data", name)
}

// longestAttribute bounds an attribute's text: ids of messages are made of some.
const longestAttribute = 8 << 10

// readBase64 makes data of data_base64 where that is JSON or text.
func readBase64(members map[string]json.RawMessage, contentType string) error {
	packed, ok := members[base64Member]
	if !ok {
		return nil
	}
	if string(packed) == "null" {
		delete(members, base64Member)
		return nil
	}
	if members[dataMember] != nil {
		return errors.New("it has data and data_base64: one of them is too many")
	}
	var text string
	if err := json.Unmarshal(packed, &text); err != nil {
		return errors.New("data_base64 is no text")
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return errors.New("data_base64 is not base64")
	}
	delete(members, base64Member)
	return setData(members, raw, contentType)
}

// setData adds data that came as bytes: as JSON or as text where the content type says that it is, else in base64.
func setData(members map[string]json.RawMessage, raw []byte, contentType string) error {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = contentType
	}
	var value any = base64.StdEncoding.EncodeToString(raw)
	name := base64Member
	switch {
	case len(raw) == 0:
		return nil
	case isJSON(kind) && json.Valid(raw):
		members[dataMember] = json.RawMessage(raw)
		return nil
	case isJSON(kind) && kind != "":
		return fmt.Errorf("the data is not JSON, as the content type %s says it is", kind)
	case utf8.Valid(raw) && (strings.HasPrefix(kind, "text/") || kind == "" || kind == "application/xml"):
		name, value = dataMember, string(raw)
	}
	if members[name], err = json.Marshal(value); err != nil {
		return fmt.Errorf("encode the data: %w", err)
	}
	return nil
}

// isJSON takes what says so, and nothing said: the specification's default.
func isJSON(kind string) bool {
	return kind == "" || kind == "application/json" || kind == "text/json" || strings.HasSuffix(kind, "+json")
}

// Schema is what events have, as a configuration writes a source's.
func Schema() map[string]any {
	s := map[string]any{dataMember: "any", base64Member: "string", "*": "any"}
	for _, name := range standard {
		s[name] = "string"
	}
	return s
}
