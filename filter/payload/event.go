package payload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// root is the name of the payload in conditions and outputs.
const root = "event"

// Event is a decoded payload. Its values are nil, bool, string, int, float64, json.Number, []any and
// map[string]any. It is not changed by evaluation, and may be shared.
type Event struct {
	env map[string]any // what expr sees: the payload under its name
	geo Locator        // nil: nothing is known of places
}

// Decode reads a JSON object. Integers stay exact: as int, or beyond 64 bits as they are written.
func Decode(body []byte) (Event, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var members map[string]any
	if err := dec.Decode(&members); err != nil {
		return Event{}, fmt.Errorf("decode a structured event: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Event{}, errors.New("decode a structured event: something follows the object")
	}
	return FromMap(members), nil
}

// FromMap takes an event as JSON or YAML decoders leave it. The map is the event's from then on.
func FromMap(members map[string]any) Event {
	if members == nil {
		members = map[string]any{}
	}
	return Event{env: map[string]any{root: normal(members)}}
}

// Members is the object that the event is. It is not to be changed.
func (e Event) Members() map[string]any {
	members, _ := e.env[root].(map[string]any)
	return members
}

// normal leaves the kinds of values that Event names.
func normal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, member := range v {
			v[k] = normal(member)
		}
		return v
	case map[any]any: // YAML with keys that are no text
		members := make(map[string]any, len(v))
		for k, member := range v {
			members[fmt.Sprint(k)] = normal(member)
		}
		return members
	case []any:
		for i, element := range v {
			v[i] = normal(element)
		}
		return v
	case json.Number:
		return number(v)
	case nil, bool, string, int, float64:
		return v
	default: // the widths that YAML has
		return number(json.Number(fmt.Sprint(v)))
	}
}

func number(n json.Number) any {
	if i, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
		return int(i)
	}
	f, err := n.Float64()
	if err != nil || !strings.ContainsAny(n.String(), ".eE") {
		return n // too large for either: compared as a float64, printed as it is written
	}
	return f
}

// member is a member of an object or an element of a list, counted from the end when negative; nil when
// there is none.
func member(of, key any) any {
	switch of := of.(type) {
	case map[string]any:
		name, _ := key.(string)
		return of[name]
	case []any:
		i, ok := key.(int)
		if i < 0 {
			i += len(of)
		}
		if ok && i >= 0 && i < len(of) {
			return of[i]
		}
	}
	return nil
}

// maxAhead is how far an event's own time may be ahead of its arrival: more is a wrong clock, or
// somebody who wants what comes after it to look like a repeat.
const maxAhead = 5 * time.Minute

// Time is when the event says it happened: time or timestamp, as RFC 3339 or as a number of seconds,
// milli-, micro- or nanoseconds since the epoch. Without one, or with one that cannot be, it is arrival.
func (e Event) Time(arrival time.Time) time.Time {
	for _, name := range []string{"time", "timestamp"} {
		at, ok := instant(member(e.env[root], name))
		if ok && at.Unix() > 0 && at.Before(arrival.Add(maxAhead)) {
			return at.UTC()
		}
	}
	return arrival.UTC()
}

func instant(v any) (time.Time, bool) {
	switch v := v.(type) {
	case string:
		at, err := time.Parse(time.RFC3339Nano, v)
		return at, err == nil
	case int:
		return epoch(int64(v)), true
	case float64:
		if math.Abs(v) >= 1e11 {
			return epoch(int64(v)), true
		}
		whole, fraction := math.Modf(v)
		return time.Unix(int64(whole), int64(fraction*1e9)), true
	default:
		return time.Time{}, false
	}
}

// epoch tells the unit by the size: as seconds 1e11 is the year 5138, as milliseconds it is 1973.
func epoch(n int64) time.Time {
	switch {
	case n < 1e11:
		return time.Unix(n, 0)
	case n < 1e14:
		return time.UnixMilli(n)
	case n < 1e17:
		return time.UnixMicro(n)
	default:
		return time.Unix(0, n)
	}
}

// Text is a value as outputs and labels print it: text as it is, lists and objects as JSON.
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return null
	case string:
		return v
	case int:
		return strconv.Itoa(v)
	case json.Number:
		return v.String()
	default:
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			return null // an infinity that an expression made; events hold none
		}
		return strings.TrimSuffix(b.String(), "\n")
	}
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
