package decode

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/tocsin-security/tocsin/pipeline"
)

// chunk is one chunk of a record; data aliases the sample.
type chunk struct {
	kind         uint16
	index, flags uint8
	data         []byte
}

// record is a sample taken apart. Everything in it aliases the sample.
type record struct {
	header    *eventHeader
	fixed     []byte // header and fixed part
	chunks    []chunk
	truncated bool // some chunk was cut
}

var errShort = errors.New("shorter than its fixed part")

// parse checks every length in s against its bounds; what it accepts can be read without further checks.
func (r *record) parse(s pipeline.Sample) error {
	h := view[eventHeader](s)
	if h == nil {
		return errShort
	}
	if int64(h.Size) > int64(len(s)) {
		return fmt.Errorf("says it has %d bytes", h.Size)
	}
	s = s[:h.Size]
	fixed, err := fixedSize(pipeline.EventType(h.Type))
	if err != nil {
		return err
	}
	if len(s) < fixed {
		return errShort
	}
	r.header, r.fixed, r.chunks, r.truncated = h, s[:fixed], r.chunks[:0], false
	return r.split(s[fixed:])
}

// split walks the chunks in b.
func (r *record) split(b []byte) error {
	for i := range r.header.Chunks {
		c := view[chunkHeader](b)
		if c == nil {
			return fmt.Errorf("chunk %d of %d is missing", i+1, r.header.Chunks)
		}
		b = b[unsafe.Sizeof(*c):]
		if int64(c.Len) > int64(len(b)) {
			return fmt.Errorf("chunk %d of %d has %d of its %d bytes", i+1, r.header.Chunks, len(b), c.Len)
		}
		r.truncated = r.truncated || c.Flags&chunkTruncated != 0
		r.chunks = append(r.chunks, chunk{kind: c.Kind, index: c.Index, flags: c.Flags, data: b[:c.Len:c.Len]})
		b = b[min((int(c.Len)+7)&^7, len(b)):]
	}
	return nil
}

// find returns the first chunk of a kind and index, or nil. Records have a handful of chunks.
func (r *record) find(kind uint16, index uint8) *chunk {
	for i := range r.chunks {
		if c := &r.chunks[i]; c.kind == kind && c.index == index {
			return c
		}
	}
	return nil
}

// first returns the first chunk of a kind, or nil.
func (r *record) first(kind uint16) *chunk {
	for i := range r.chunks {
		if r.chunks[i].kind == kind {
			return &r.chunks[i]
		}
	}
	return nil
}

// firstOwn is first, but for descriptors that came with a message.
func (r *record) firstOwn(kind uint16) *chunk {
	for i := range r.chunks {
		if c := &r.chunks[i]; c.kind == kind && (c.index < ofPassed || c.index >= ofPassed+maxPassed) {
			return c
		}
	}
	return nil
}

// fixedSize is the size of the fixed part of a record of type t.
func fixedSize(t pipeline.EventType) (int, error) {
	switch {
	case t == pipeline.EventExecve || t == pipeline.EventClone:
		return int(unsafe.Sizeof(taskEvent{})), nil
	case t == pipeline.EventExit:
		return int(unsafe.Sizeof(exitEvent{})), nil
	case t == pipeline.EventConnects, t >= pipeline.EventAccept && t < pipeline.NumEventTypes:
		return int(unsafe.Sizeof(syscallEvent{})), nil
	default:
		return 0, fmt.Errorf("has the unknown type %d", t)
	}
}

// view reads the start of b as a T, or nil if b is too short. T must be a wire struct: no pointers, so
// that alignment does not matter on the machines tocsin runs on.
func view[T any](b []byte) *T {
	var t T
	if len(b) < int(unsafe.Sizeof(t)) {
		return nil
	}
	return (*T)(unsafe.Pointer(unsafe.SliceData(b)))
}

// alias is b as a string that shares its memory.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

const fileInfoSize = int(unsafe.Sizeof(fileInfo{}))
