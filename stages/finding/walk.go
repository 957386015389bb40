package finding

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// walker reads JSON piece by piece: a report has tens of megabytes, of which little is kept. Its errors name
// the place: the path of members, and the byte.
type walker struct {
	dec  *json.Decoder
	path []string
}

func newWalker(r io.Reader) *walker { return &walker{dec: json.NewDecoder(r)} }

// maxDepth of values that are passed over.
const maxDepth = 1000

// more reports whether another value follows at the top.
func (w *walker) more() bool { return w.dec.More() }

// fail says where something is wrong.
func (w *walker) fail(format string, args ...any) error {
	return fmt.Errorf("%s (at byte %d)", w.at()+fmt.Sprintf(format, args...), w.dec.InputOffset())
}

// at is the path with a colon, or nothing at the top.
func (w *walker) at() string {
	if len(w.path) == 0 {
		return ""
	}
	return strings.TrimPrefix(strings.Join(w.path, ""), ".") + ": "
}

// token reads the next token.
func (w *walker) token() (json.Token, error) {
	t, err := w.dec.Token()
	return t, w.explain(err)
}

// explain says that text is not JSON, and where. Errors of the reader stay what they are.
func (w *walker) explain(err error) error {
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%sthe report ends in the middle: %w (at byte %d)", w.at(), io.ErrUnexpectedEOF, w.dec.InputOffset())
	case errors.As(err, &syntax):
		return fmt.Errorf("%sthe report is not JSON: %w (at byte %d)", w.at(), err, syntax.Offset)
	default:
		return fmt.Errorf("%s%w", w.at(), err)
	}
}

// object calls member for each member of an object, with the value still to be read; null is an object
// without any. A value that member has not read is passed over by returning skip.
func (w *walker) object(member func(name string) error) error {
	t, err := w.token()
	if err != nil || t == nil {
		return err
	}
	if t != json.Delim('{') {
		return w.fail("here belongs an object, not %s", kind(t))
	}
	return w.members(member)
}

// members is the rest of object, behind its brace.
func (w *walker) members(member func(name string) error) error {
	for w.dec.More() {
		t, err := w.token()
		if err != nil {
			return err
		}
		name, _ := t.(string) // nothing else can stand here
		w.path = append(w.path, "."+cut(name, 80))
		if err := member(name); err != nil {
			return err
		}
		w.path = w.path[:len(w.path)-1]
	}
	_, err := w.token()
	return err
}

// array calls element for each element of an array; null is an empty one.
func (w *walker) array(element func() error) error {
	t, err := w.token()
	if err != nil || t == nil {
		return err
	}
	if t != json.Delim('[') {
		return w.fail("here belongs a list, not %s", kind(t))
	}
	return w.elements(element)
}

// elements is the rest of array, behind its bracket.
func (w *walker) elements(element func() error) error {
	for i := 0; w.dec.More(); i++ {
		w.path = append(w.path, fmt.Sprintf("[%d]", i))
		if err := element(); err != nil {
			return err
		}
		w.path = w.path[:len(w.path)-1]
	}
	_, err := w.token()
	return err
}

// skip passes over a value.
func (w *walker) skip() error {
	for depth := 0; ; {
		t, err := w.token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		if depth > maxDepth {
			return w.fail("values are nested more than %d deep", maxDepth)
		}
	}
}

// decode reads a small value into v, a pointer to a struct with the members that are asked for.
func (w *walker) decode(v any) error {
	err := w.dec.Decode(v)
	var typ *json.UnmarshalTypeError
	if errors.As(err, &typ) {
		field := ""
		if typ.Field != "" {
			field = typ.Field + ": "
		}
		return w.fail("%sa %s where a %s belongs", field, typ.Value, typeName(typ.Type.Kind().String()))
	}
	return w.explain(err)
}

// typeName is a Go kind in the words of JSON.
func typeName(kind string) string {
	switch kind {
	case "struct", "map":
		return "object"
	case "slice":
		return "list"
	case "int", "float64":
		return "number"
	default:
		return kind
	}
}

// kind names what a token begins.
func kind(t json.Token) string {
	switch t := t.(type) {
	case json.Delim:
		if t == '{' {
			return "an object"
		}
		return "a list"
	case string:
		return "text"
	case bool:
		return "a bool"
	case nil:
		return "null"
	default:
		return "a number"
	}
}
