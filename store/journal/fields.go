package journal

import (
	"encoding/binary"
	"errors"
)

// ErrCut says that a row ends before what it should say.
var ErrCut = errors.New("it is cut")

// AppendText appends a text behind its length.
func AppendText[T string | []byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// lengthSize is the room for the length of a text that is written in place: a varint with leading zeros, up to 32 GB.
const lengthSize = 5

// BeginText begins a text that is written behind b: what is appended from here on until EndText.
func BeginText(b []byte) []byte { return append(b, make([]byte, lengthSize)...) }

// EndText ends the text that was begun when b had begin bytes.
func EndText(b []byte, begin int) {
	n := len(b) - begin - lengthSize
	for i := range lengthSize {
		b[begin+i] = byte(n>>(7*i))&0x7f | 0x80
	}
	b[begin+lengthSize-1] &= 0x7f
}

// Fields reads a row, or a part of one, field by field: numbers are varints, texts are behind their length. After an error
// it reads zeros. What it returns shares the row's memory.
type Fields struct {
	Rest []byte // what is not read yet
	Err  error  // ErrCut, or nil
}

// Uint reads a number.
func (f *Fields) Uint() uint64 {
	n, size := binary.Uvarint(f.Rest)
	return took(f, n, size)
}

// Int reads a number that may be negative.
func (f *Fields) Int() int64 {
	n, size := binary.Varint(f.Rest)
	return took(f, n, size)
}

func took[T uint64 | int64](f *Fields, n T, size int) T {
	if size <= 0 {
		f.Rest, f.Err = nil, ErrCut
		return 0
	}
	f.Rest = f.Rest[size:]
	return n
}

// Bytes reads n bytes.
func (f *Fields) Bytes(n uint64) []byte {
	if n > uint64(len(f.Rest)) {
		f.Rest, f.Err = nil, ErrCut
		return nil
	}
	b := f.Rest[:n:n]
	f.Rest = f.Rest[n:]
	return b
}

// Byte reads one byte.
func (f *Fields) Byte() byte {
	if b := f.Bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// Text reads a text.
func (f *Fields) Text() []byte { return f.Bytes(f.Uint()) }
