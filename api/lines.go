package api

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// lineBuffer is how much of a stream is read ahead. Smaller means smaller batches; it is held for each stream.
const lineBuffer = 64 << 10

// errLongLine says that a line is over the limit. What is left of it was passed over.
var errLongLine = errors.New("the line is too long")

// lines reads a body line by line. It holds no more than a line of at most most bytes and lineBuffer.
type lines struct {
	src  *bufio.Reader
	most int
	n    int // of the line that next returned, from 1
	done bool
	err  error // what ended it, when it is not the end
}

func newLines(body io.Reader, most int) *lines {
	return &lines{src: bufio.NewReaderSize(body, lineBuffer), most: most}
}

// next returns the next line that is not blank, without blanks around it; it is good until the call after. At the
// end it returns io.EOF. The beginning of a line that was cut off is no line.
func (l *lines) next() ([]byte, error) {
	for !l.done {
		l.n++
		line, err := l.read()
		if err != nil {
			return nil, err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
	}
	if l.err != nil {
		return nil, l.err
	}
	return nil, io.EOF
}

// read reads up to the next line feed, or the end.
func (l *lines) read() ([]byte, error) {
	var long []byte // what did not fit into the buffer
	size := 0
	for {
		part, err := l.src.ReadSlice('\n')
		size += len(part)
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			l.done = true
			if !errors.Is(err, io.EOF) {
				l.err = err
				return nil, err
			}
		}
		over := size > l.most+len("\r\n")
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if over {
				long = nil
			} else {
				long = append(long, part...)
			}
			continue
		case over:
			return nil, errLongLine
		case long == nil:
			return part, nil
		default:
			return append(long, part...), nil
		}
	}
}

// ready reports whether next answers without waiting for the client.
func (l *lines) ready() bool {
	if l.done {
		return true
	}
	held, err := l.src.Peek(l.src.Buffered())
	return err == nil && bytes.IndexByte(held, '\n') >= 0
}

// rest returns first and all that follows it, of at most most bytes.
func (l *lines) rest(first []byte) ([]byte, error) {
	body := bytes.Clone(first)
	if !l.done {
		more, err := io.ReadAll(io.LimitReader(l.src, int64(l.most)+1))
		if err != nil {
			return nil, err
		}
		body = append(append(body, '\n'), more...)
	}
	if len(body) > l.most+1 {
		return nil, errLongLine
	}
	return body, nil
}
