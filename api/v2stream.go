package api

import (
	"bufio"
	"encoding/json"
	"net/http"
	"time"
)

// arrayStream writes a JSON array an element at a time, so that a hundred thousand alerts are never one text in
// memory. Until the first element is written an error can still be answered as one.
type arrayStream struct {
	w       http.ResponseWriter
	buf     *bufio.Writer
	enc     *json.Encoder
	started bool
}

// streamChunk is how many alerts are looked at and written between two looks at the clock: few enough to be
// little memory, enough that asking about them costs little each.
const streamChunk = 1000

func newArrayStream(w http.ResponseWriter) *arrayStream {
	buf := bufio.NewWriterSize(w, 64<<10)
	return &arrayStream{w: w, buf: buf, enc: json.NewEncoder(buf)}
}

// add writes an element. An error means that the client is gone.
func (s *arrayStream) add(v any) error {
	return s.addBy(func(*bufio.Writer) error { return s.enc.Encode(v) })
}

// addBy lets write write an element in pieces.
func (s *arrayStream) addBy(write func(*bufio.Writer) error) error {
	separator := byte(',')
	if !s.started {
		s.started, separator = true, '['
		s.w.Header().Set("Content-Type", "application/json")
	}
	if err := s.buf.WriteByte(separator); err != nil {
		return err
	}
	return write(s.buf)
}

// more gives the client time for another chunk, however many there are: it is only gone when it takes none.
func (s *arrayStream) more() {
	// A writer without deadlines has none to extend.
	_ = http.NewResponseController(s.w).SetWriteDeadline(time.Now().Add(writeTimeout))
}

// end closes the array. What is wrong after the first element cannot be said any more: the connection is cut, so
// that nobody takes half a list for all of it.
func (s *arrayStream) end(err error) {
	switch {
	case err != nil && s.started:
		panic(http.ErrAbortHandler)
	case err != nil:
		refuseV2(s.w, http.StatusInternalServerError, err.Error())
		return
	case !s.started:
		s.w.Header().Set("Content-Type", "application/json")
		_ = s.buf.WriteByte('[') // into the buffer
	}
	// A failed write means that the client is gone; there is nobody to tell.
	_ = s.buf.WriteByte(']')
	_ = s.buf.Flush()
}
