package suggest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// reader takes out of an alert's fields what an entry can ask for.
type reader struct {
	fields  pipeline.Fields
	entry   *Entry
	exact   bool
	program string // for the id
	telling bool   // something tells what is allowed from what is not
}

func (r *reader) read() {
	if r.members() {
		return
	}
	r.where()
	r.who()
	r.what()
}

// text is a field's value, "" when there is none. Falco prints <NA> for nothing.
func (r *reader) text(name string) string {
	switch v := r.fields[name].(type) {
	case string:
		if v != "<NA>" {
			return v
		}
	case json.Number:
		return v.String()
	case int64, int, float64, bool:
		return fmt.Sprint(v)
	}
	return ""
}

// add asks for exactly what the alert has.
func (r *reader) add(name, value string) {
	r.entry.Terms = append(r.entry.Terms, Term{name, value, r.literal(name, value)})
}

// literal is value as match reads it. The alert's text has U+FFFD where the event had bytes that are no text;
// nobody knows which and how many.
func (r *reader) literal(name, value string) string {
	if !strings.Contains(value, "\uFFFD") {
		return literal(value)
	}
	r.entry.note("%s has bytes that are no text, shown as %q: the entry takes any text there", name, "\uFFFD")
	parts := strings.Split(value, "\uFFFD")
	for i := range parts {
		parts[i] = escaped(parts[i])
	}
	return strings.Join(parts, "*")
}

// where is the image and the namespace, or that it was outside containers. The tag is left out: the next release
// would need the entry as much.
func (r *reader) where() {
	image := r.text("container.image.repository")
	if image == "" {
		image = repository(r.text("container.image"))
	}
	switch {
	case image != "":
		r.add("container.image.repository", image)
	case r.text("container.name") != "" && r.text("container.id") != "host":
		r.add("container.name", r.text("container.name"))
	case r.text("container.id") == "host":
		r.add("container.id", "host")
	default:
		r.entry.note("the alert does not say in which image it was: the entry applies in all of them, and outside")
	}
	if namespace := r.text("k8s.ns.name"); namespace != "" {
		r.add("k8s.ns.name", namespace)
	}
}

// repository is an image's name without tag and digest.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if colon := strings.LastIndexByte(image, ':'); colon > strings.LastIndexByte(image, '/') {
		image = image[:colon]
	}
	return image
}

// who is the program and what started it.
func (r *reader) who() {
	exe, name := r.text("proc.exepath"), r.text("proc.name")
	switch {
	case exe != "":
		r.telling, r.program = true, path.Base(exe)
		r.add("proc.exepath", exe)
		if p := generalise(exe); p.changed {
			r.entry.note("proc.exepath looks as if a part of it were new each time (%q): then the entry does not apply again; "+
				"a pattern there would let any program in that folder pass", exe)
		}
	case name != "":
		r.telling, r.program = true, name
		r.add("proc.name", name)
		r.entry.note("the alert has no proc.exepath, only proc.name, which a program can choose: add the field to the rule's output")
	}
	if parent := r.text("proc.pname"); parent != "" {
		r.add("proc.pname", parent)
	}
}

// files are the fields that name what an event was done to, the first that has a value counts.
var files = []string{"fd.name", "fs.path.name", "fs.path.target", "evt.abspath"}

// what is the file's folder, or the other end of the connection.
func (r *reader) what() {
	if r.connection() {
		return
	}
	for _, name := range files {
		value := r.text(name)
		if !strings.HasPrefix(value, "/") {
			continue
		}
		r.telling = true
		p := generalise(value)
		switch dir := value[:strings.LastIndexByte(value, '/')]; {
		case strings.Contains(value, "\uFFFD"):
			r.add(name, value)
		case !r.exact && depth(dir) >= minDepth:
			inside := generalise(dir + "/")
			r.entry.Terms = append(r.entry.Terms, Term{name, value, inside.pattern + "*"})
			if inside.changed {
				r.entry.note("%s: parts that look new each time are patterns: %q", name, inside.pattern+"*")
			}
		case p.changed:
			r.entry.Terms = append(r.entry.Terms, Term{name, value, p.pattern})
			r.entry.note("%s: parts that look new each time are patterns: %q", name, p.pattern)
		default:
			r.add(name, value)
		}
		return
	}
}

// minDepth is how deep a folder has to be for all below it to be let pass: never / or /etc.
const minDepth = 2

func depth(dir string) int {
	return len(strings.FieldsFunc(path.Clean("/"+dir), func(c rune) bool { return c == '/' }))
}

// connection asks for the address and the port of a server; of a client only for the address, since its port is
// another one each time, and for the port that it came to.
func (r *reader) connection() bool {
	client, server, named := ends(r.text("fd.name"))
	remote, hasRemote := r.address("fd.rip")
	_, hasServer := r.address("fd.sip")
	switch {
	case hasRemote && named && remote == client.Addr().Unmap() && r.text("fd.rport") == fmt.Sprint(client.Port()):
		r.add("fd.rip", r.text("fd.rip"))
		r.add("fd.sport", fmt.Sprint(server.Port()))
	case hasRemote:
		r.add("fd.rip", r.text("fd.rip"))
		r.port("fd.rport")
	case hasServer:
		r.add("fd.sip", r.text("fd.sip"))
		r.port("fd.sport")
	case named:
		r.add("fd.sip", server.Addr().String())
		r.add("fd.sport", fmt.Sprint(server.Port()))
	default:
		return false
	}
	r.telling = true
	return true
}

func (r *reader) address(name string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(r.text(name))
	return a.Unmap(), err == nil && a.Zone() == ""
}

func (r *reader) port(name string) {
	if p, err := strconv.ParseUint(r.text(name), 10, 16); err == nil {
		r.add(name, strconv.FormatUint(p, 10))
	}
}

// ends reads client:port->server:port, in which an IPv6 address has no brackets.
func ends(name string) (client, server netip.AddrPort, ok bool) {
	a, b, arrow := strings.Cut(name, "->")
	client, ok1 := end(a)
	server, ok2 := end(b)
	return client, server, arrow && ok1 && ok2
}

func end(s string) (netip.AddrPort, bool) {
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 {
		return netip.AddrPort{}, false
	}
	a, err := netip.ParseAddr(strings.Trim(s[:colon], "[]"))
	port, portErr := strconv.ParseUint(s[colon+1:], 10, 16)
	return netip.AddrPortFrom(a, uint16(port)), err == nil && portErr == nil && a.Zone() == ""
}

// isNested reports whether a text is what an alert has of a list or an object: its JSON.
func isNested(s string) bool {
	return (strings.HasPrefix(s, "[") || strings.HasPrefix(s, "{")) && json.Valid([]byte(s))
}

// members asks for the members of a structured event that the rule's output names: texts and bools, numbers being
// amounts and times more often than not.
func (r *reader) members() bool {
	for _, name := range slices.Sorted(maps.Keys(r.fields)) {
		if !strings.HasPrefix(name, "event.") {
			continue
		}
		if _, err := payload.ParsePath(syntax.FixedText(name, syntax.Pos{}), nil); err != nil {
			r.entry.note("%q is no path of a member: it is left out", name)
			continue
		}
		switch v := r.fields[name].(type) {
		case string:
			if isNested(v) {
				r.entry.note("%s is a list or an object, of which an entry asks for elements, not for all of its text: it is left out", name)
				continue
			}
			if generalise(v).changed || v == "" {
				r.entry.note("%s = %q looks new each time: it is left out", name, v)
				continue
			}
		case bool:
		default:
			continue
		}
		r.add(name, r.text(name))
		r.telling = true
	}
	return r.telling
}
