package decode

import (
	"bytes"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

// path fills in path i of an event: a raw string, and the absolute path it means.
func (d *Decoder) path(ev *pipeline.Event, e *entry, i int, s *shape) {
	raw := d.rec.find(kindString, s.path[i].index())
	if raw == nil {
		return
	}
	ev.Flags |= pipeline.FlagUserMemory
	p := &ev.Path[i]
	p.Set, p.Raw = true, alias(raw.data)
	if isClean(raw.data) {
		p.Name = withoutOwnRoot(p.Raw, e)
		return
	}
	start := len(d.text)
	if len(raw.data) == 0 || raw.data[0] != '/' {
		base := d.rec.find(kindBase, s.path[i].index())
		if base == nil {
			p.Name = d.unknownBase(raw.data)
			return
		}
		d.text = appendComponents(d.text, base.data)
		if fromCWD(ev, s.dirfd[i]) && base.flags&chunkTruncated == 0 {
			e.setCWD(alias(d.text[start:])) // the kernel just told: a change whose event was not asked for
		}
	}
	d.text = appendRaw(d.text, start, raw.data)
	p.Name = withoutOwnRoot(d.rooted(start), e)
}

// unknownBase is what rules see of a path relative to a directory that is not known.
func (d *Decoder) unknownBase(raw []byte) string {
	start := len(d.text)
	d.text = append(append(d.text, "<UNKNOWN>"...), raw...)
	return alias(d.text[start:])
}

// appendComponents appends the path that components (leaf first, each ending in NUL: bpf/event.h)
// describe: "shadow\0etc\0" is "/etc/shadow"; the root is "".
func appendComponents(dst, components []byte) []byte {
	for rest := bytes.TrimSuffix(components, []byte{0}); len(rest) > 0; {
		i := bytes.LastIndexByte(rest, 0)
		dst = append(dst, '/')
		dst = append(dst, rest[i+1:]...)
		rest = rest[:max(i, 0)]
	}
	return dst
}

// appendRaw walks the raw path from the directory dst[start:], lexically: "." and empty names stay,
// ".." goes up but never above the root.
func appendRaw(dst []byte, start int, raw []byte) []byte {
	for more := len(raw) > 0; more; {
		var name []byte
		name, raw, more = bytes.Cut(raw, []byte{'/'})
		switch string(name) {
		case "", ".":
		case "..":
			dst = dst[:start+max(bytes.LastIndexByte(dst[start:], '/'), 0)]
		default:
			dst = append(dst, '/')
			dst = append(dst, name...)
		}
	}
	return dst
}

// isClean reports whether raw is an absolute path that appendRaw would leave as it is.
func isClean(raw []byte) bool {
	if len(raw) == 0 || raw[0] != '/' {
		return false
	}
	// A name that is empty, "." or ".." starts with '/' or '.' right after a '/': files such as
	// /root/.bashrc take the slow way, which is right too.
	for i := 0; i+1 < len(raw); i++ {
		if raw[i] == '/' && (raw[i+1] == '/' || raw[i+1] == '.') {
			return false
		}
	}
	return len(raw) == 1 || raw[len(raw)-1] != '/'
}

// pathOf is the path that c's components describe, in the event's text buffer. What is in no tree
// (pipe:[1], memfd:name) has its bare name.
func (d *Decoder) pathOf(c *chunk, components []byte) string {
	if c.flags&chunkNoPath != 0 {
		return alias(bytes.TrimSuffix(components, []byte{0}))
	}
	start := len(d.text)
	d.text = appendComponents(d.text, components)
	return d.rooted(start)
}

// rooted is what was put into the text buffer from start on, or "/" if that is nothing.
func (d *Decoder) rooted(start int) string {
	if len(d.text) == start {
		d.text = append(d.text, '/')
	}
	return alias(d.text[start:])
}

// keep is a lasting s: old if that says the same, else a copy.
func keep(old, s string) string {
	if old == s {
		return old
	}
	return strings.Clone(s)
}
