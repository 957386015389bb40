package cloudevents

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Content types of the modes in which events are JSON.
const (
	structured = "application/cloudevents+json"
	batch      = "application/cloudevents-batch+json"
	ours       = "application/cloudevents" // what both begin with
)

// headerPrefix begins the headers that are attributes, as net/http writes them.
const headerPrefix = "Ce-"

// Read reads the events of a request. A batch may be empty. The error says which event is wrong, and why.
func Read(header http.Header, body []byte) ([]Event, error) {
	contentType := header.Get("Content-Type")
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil && contentType != "" {
		return nil, fmt.Errorf("Content-Type %.80q cannot be read: %w", contentType, err)
	}
	switch {
	case kind == batch:
		return readBatch(body)
	case kind == structured:
		e, err := readStructured(body)
		return []Event{e}, err
	case strings.HasPrefix(kind, ours):
		return nil, fmt.Errorf("the format %s is not taken: %s and %s are, or attributes in headers", kind, structured, batch)
	case header.Get("Ce-Specversion") == "":
		return nil, fmt.Errorf("no CloudEvent: send attributes as headers (ce-specversion, ce-id, ce-source, ce-type), or %s, or %s", structured, batch)
	}
	e, err := readBinary(header, body)
	return []Event{e}, err
}

func readBatch(body []byte) ([]Event, error) {
	var all []json.RawMessage
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, fmt.Errorf("a batch is a JSON array of events: %w", err)
	}
	events := make([]Event, len(all))
	for i, one := range all {
		var err error
		if events[i], err = readStructured(one); err != nil {
			return nil, fmt.Errorf("event %d: %w", i+1, err)
		}
	}
	return events, nil
}

func readStructured(body []byte) (Event, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return Event{}, fmt.Errorf("an event is a JSON object: %w", err)
	}
	return newEvent(members)
}

// readBinary takes attributes from headers; the content type is the data's.
func readBinary(header http.Header, body []byte) (Event, error) {
	members := map[string]json.RawMessage{}
	for name, values := range header {
		name, ok := strings.CutPrefix(name, headerPrefix)
		if !ok {
			continue
		}
		name = strings.ToLower(name)
		if name == dataMember || name == base64Member || name == "datacontenttype" {
			return Event{}, fmt.Errorf("the header ce-%s: data is the body, and its type is Content-Type", name)
		}
		if len(values) != 1 {
			return Event{}, fmt.Errorf("the header ce-%s is there %d times", name, len(values))
		}
		value, err := headerText(values[0])
		if err != nil {
			return Event{}, fmt.Errorf("the header ce-%s: %w", name, err)
		}
		if members[name], err = json.Marshal(value); err != nil {
			return Event{}, fmt.Errorf("encode the header ce-%s: %w", name, err)
		}
	}
	contentType := header.Get("Content-Type")
	if contentType != "" {
		text, err := json.Marshal(contentType)
		if err != nil {
			return Event{}, fmt.Errorf("encode the content type: %w", err)
		}
		members["datacontenttype"] = text
	}
	if err := setData(members, body, contentType); err != nil {
		return Event{}, err
	}
	kept := members[base64Member]
	delete(members, base64Member) // newEvent would read it again
	e, err := newEvent(members)
	if err != nil || kept == nil {
		return e, err
	}
	members[base64Member] = kept
	e.Body, err = json.Marshal(members)
	return e, err
}

// headerText undoes what senders have to do to text in headers: quotes around it, and %XX for what is not ASCII.
func headerText(value string) (string, error) {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		value = unquote(value[1 : len(value)-1])
	}
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] != '%' {
			b.WriteByte(value[i])
			continue
		}
		octet, err := strconv.ParseUint(value[i+1:min(i+3, len(value))], 16, 8)
		if err != nil || i+3 > len(value) {
			return "", errors.New("a percent sign is followed by two hex digits; a percent sign itself is %25")
		}
		b.WriteByte(byte(octet))
		i += 2
	}
	if !utf8.ValidString(b.String()) {
		return "", errors.New("it is not UTF-8")
	}
	return b.String(), nil
}

func unquote(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
