package field

import (
	"unsafe"

	"github.com/tocsin-security/tocsin/pipeline"
)

// View is the event being looked at, with memory for the strings that have to be put together to
// look at it (flag names, joined arguments). Those strings are valid until the next Reset. A View
// belongs to one goroutine; the zero value is ready for Reset.
type View struct {
	Ev    *pipeline.Event
	Hosts *pipeline.HostNames // nil: names of hosts are not known
	buf   []byte
	list  []string
}

// Reset turns to the next event; every string read through the View before is invalid now.
func (v *View) Reset(ev *pipeline.Event) {
	v.Ev = ev
	v.buf = v.buf[:0]
	v.list = v.list[:0]
}

// Build appends to the View's memory through add and returns what was added as a string. When the
// memory has to grow, strings returned earlier keep the old block alive.
func (v *View) Build(add func(dst []byte) []byte) string {
	start := len(v.buf)
	v.buf = add(v.buf)
	return view(v.buf[start:])
}

// BuildList does for a list of strings what Build does for one. What add calls must not build lists.
func (v *View) BuildList(add func(dst []string) []string) []string {
	start := len(v.list)
	v.list = add(v.list)
	return v.list[start:len(v.list):len(v.list)]
}

// join is the parts with sep between them, without allocating.
func (v *View) join(parts []string, sep byte) string {
	switch len(parts) {
	case 0:
		return ""
	case 1:
		return parts[0]
	}
	return v.Build(func(dst []byte) []byte { return appendJoined(dst, parts, sep) })
}

func appendJoined(dst []byte, parts []string, sep byte) []byte {
	for i, p := range parts {
		if i > 0 {
			dst = append(dst, sep)
		}
		dst = append(dst, p...)
	}
	return dst
}

// view makes a string of b without copying. That is safe here only: the View appends behind b and
// never writes into it until Reset, when the contract says that the string is dead.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
