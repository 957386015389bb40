package alertjson

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Writer appends an object's members, as encoding/json writes them where it does not escape for HTML.
type Writer struct {
	b       []byte
	changed bool // something of what it was given reads as another, or may
	err     error
}

// Begin begins an object behind b.
func Begin(b []byte) Writer { return Writer{b: append(b, '{')} }

// End is what was appended to, with the object's end; the error is that of the first value that has no JSON.
func (w *Writer) End() ([]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	return append(w.b, '}'), nil
}

// Key appends a key; what stands for its value is to follow.
func (w *Writer) Key(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
}

// Text appends a member that is a text.
func (w *Writer) Text(name, s string) {
	w.Key(name)
	w.string(s)
}

// SomeText is Text, unless the text is empty.
func (w *Writer) SomeText(name, s string) {
	if s != "" {
		w.Text(name, s)
	}
}

// Flag appends a member that is true, where it is.
func (w *Writer) Flag(name string, is bool) {
	if is {
		w.Key(name)
		w.b = append(w.b, "true"...)
	}
}

func (w *Writer) number(name string, n int64) {
	if n != 0 {
		w.Key(name)
		w.b = strconv.AppendInt(w.b, n, 10)
	}
}

// Time appends a member that is a time in RFC 3339.
func (w *Writer) Time(name string, t time.Time) {
	w.Key(name)
	w.b = append(w.b, '"')
	b, err := t.AppendText(w.b)
	if err != nil {
		w.err = err
		return
	}
	w.b = append(b, '"')
}

// Fingerprint appends a member that is one.
func (w *Writer) Fingerprint(name string, f pipeline.Fingerprint) {
	w.Key(name)
	w.b = append(w.b, '"')
	w.b, _ = f.AppendText(w.b) // it has a text
	w.b = append(w.b, '"')
}

// SomeTime is Time, unless it is the zero time.
func (w *Writer) SomeTime(name string, t time.Time) {
	if !t.IsZero() {
		w.Time(name, t)
	}
}

// Some appends a member of any kind where there is one.
func (w *Writer) Some(name string, is bool, v any) {
	if is {
		w.Key(name)
		w.any(v)
	}
}

// any appends what is rare. Whether that reads as it is nobody looks.
func (w *Writer) any(v any) {
	w.changed = true
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		w.err = err
	}
	w.b = append(w.b, bytes.TrimSuffix(b.Bytes(), []byte{'\n'})...)
}

// Objects appends a member that is an array of n objects, whose members member appends.
func (w *Writer) Objects(name string, n int, member func(w *Writer, i int)) {
	w.Key(name)
	w.b = append(w.b, '[')
	for i := range n {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = append(w.b, '{')
		member(w, i)
		w.b = append(w.b, '}')
	}
	w.b = append(w.b, ']')
}

// Uint appends a member that is a number.
func (w *Writer) Uint(name string, n uint64) {
	w.Key(name)
	w.b = strconv.AppendUint(w.b, n, 10)
}

// SomeUint is Uint, unless the number is 0.
func (w *Writer) SomeUint(name string, n uint64) {
	if n != 0 {
		w.Uint(name, n)
	}
}

func (w *Writer) texts(name string, all []string) {
	w.Key(name)
	if all == nil {
		w.b = append(w.b, "null"...)
		return
	}
	w.b = append(w.b, '[')
	for i, s := range all {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.string(s)
	}
	w.b = append(w.b, ']')
}

// AppendPairs appends an object of texts, sorted; nil is null.
func AppendPairs(b []byte, pairs map[string]string) []byte {
	w := Writer{b: b}
	w.pairs(pairs)
	return w.b
}

// Pairs appends a member that is an object of texts, sorted; nil is null.
func (w *Writer) Pairs(name string, pairs map[string]string) {
	w.Key(name)
	w.pairs(pairs)
}

func (w *Writer) pairs(pairs map[string]string) {
	if pairs == nil {
		w.b = append(w.b, "null"...)
		return
	}
	w.b = append(w.b, '{')
	appendMembers(w, pairs, func(s string) { w.string(s) })
	w.b = append(w.b, '}')
}

func (w *Writer) fields(name string, fields pipeline.Fields) {
	w.Key(name)
	if fields == nil {
		w.b = append(w.b, "null"...)
		return
	}
	w.b = append(w.b, '{')
	appendMembers(w, fields, w.value)
	w.b = append(w.b, '}')
}

// value appends a field's value; those that rules make are the cases here.
func (w *Writer) value(v any) {
	switch v := v.(type) {
	case nil:
		w.b = append(w.b, "null"...)
	case string:
		w.string(v)
	case bool:
		w.b = strconv.AppendBool(w.b, v)
	case int64:
		w.b, w.changed = strconv.AppendInt(w.b, v, 10), true
	case uint64:
		w.b, w.changed = strconv.AppendUint(w.b, v, 10), true
	case json.Number:
		if isInteger(string(v)) {
			w.b = append(w.b, v...)
			return
		}
		w.any(v)
	default:
		w.any(v)
	}
}

// isInteger says that s is a number in JSON, and a whole one without an exponent.
func isInteger(s string) bool {
	if s != "" && s[0] == '-' {
		s = s[1:]
	}
	if s == "" || s[0] == '0' && len(s) > 1 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
