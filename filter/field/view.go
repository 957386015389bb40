package field

import (
	"unsafe"

	"github.com/tocsin-security/tocsin/pipeline"
)

// View is the event being looked at, with memory for the strings that have to be put together to
// look at it (flag names, joined arguments). Those strings are valid until the next Reset. A View
// belongs to one goroutine; the zero value is ready for Reset.
type View struct {
	Ev  *pipeline.Event
	buf []byte
}

// Reset turns to the next event; every string read through the View before is invalid now.
func (v *View) Reset(ev *pipeline.Event) {
	v.Ev = ev
	v.buf = v.buf[:0]
}

// Build appends to the View's memory through add and returns what was added as a string. When the
// memory has to grow, strings returned earlier keep the old block alive.
func (v *View) Build(add func(dst []byte) []byte) string {
	start := len(v.buf)
	v.buf = add(v.buf)
	return view(v.buf[start:])
}

// join is the parts with sep between them, without allocating.
func (v *View) join(parts []string, sep byte) string {
	switch len(parts) {
	case 0:
		return ""
	case 1:
		return parts[0]
	}
	start := len(v.buf)
	for i, p := range parts {
		if i > 0 {
			v.buf = append(v.buf, sep)
		}
		v.buf = append(v.buf, p...)
	}
	return view(v.buf[start:])
}

// view makes a string of b without copying. That is safe here only: the View appends behind b and
// never writes into it until Reset, when the contract says that the string is dead.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
