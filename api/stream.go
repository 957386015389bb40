package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"
)

// Bounds of what a stream gathers before it becomes durable. Nothing waits for a batch to fill: it is published
// when the client has sent no more for now, or when it is full. Until it is, the client is not read.
const (
	streamBatch      = 256
	streamBatchBytes = 1 << 20
)

// streamIdle is how long a stream may say nothing. It is closed then; what came is durable.
const streamIdle = 5 * time.Minute

// mostErrors is how many refused lines an answer tells of.
const mostErrors = 10

// readEvent makes an event of what was posted: its own copy. The error says what is wrong with that.
type readEvent func(posted []byte) (json.RawMessage, error)

// lineError is a line, or an element of an array, that was refused.
type lineError struct {
	Line  int    `json:"line"`
	Error string `json:"error"`
}

// stream is a body on its way in.
type stream struct {
	*posted
	read     readEvent
	lines    *lines
	skip     bool // lines that are wrong are counted and passed over
	key      string
	batch    []json.RawMessage
	ids      []string
	at       []int // of each of batch: its line, or its place in the array
	size     int   // of batch
	whole    bool  // all of it is taken or nothing
	accepted int
	rejected int
	errors   []lineError
	control  *http.ResponseController // nil until the stream has to wait for its client
	watched  chan struct{}            // closed when the watch for the server's end is over
	finished chan struct{}            // closed to end it
}

// stream takes the body: one value or an array of them, as a whole, or lines as they come.
func (p *posted) stream(read readEvent) {
	st := &stream{posted: p, read: read, lines: newLines(p.r.Body, int(p.cfg.MaxBody)), key: idempotencyKey(p.r)}
	switch onError := p.r.URL.Query().Get("on_error"); onError {
	case "", "stop":
	case "skip":
		st.skip = true
	default:
		p.malformed(fmt.Sprintf("on_error=%s: it is stop or skip", onError))
		return
	}
	defer st.unwatch()
	if isLines(p.r.Header.Get("Content-Type")) {
		st.takeLines()
		return
	}
	first, err := st.lines.next()
	switch {
	case errors.Is(err, io.EOF):
		p.malformed("the body is empty: post a JSON object, an array of them, or one on each line")
	case errors.Is(err, errLongLine):
		p.unreadable(&http.MaxBytesError{Limit: int64(p.cfg.MaxBody)})
	case err != nil:
		p.unreadable(err)
	case first[0] == '[' || !json.Valid(first): // an array, or a value over several lines
		st.takeWhole(first)
	default:
		if st.line(first) {
			st.takeLines()
		}
	}
}

// isLines reports whether the client says that each line is a value.
func isLines(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (kind == "application/x-ndjson" || kind == "application/ndjson" || kind == "application/jsonl" ||
		kind == "application/x-jsonlines" || kind == "application/json-seq")
}

// takeWhole takes all or nothing of an array, unless what is wrong is to be passed over.
func (st *stream) takeWhole(first []byte) {
	st.whole = true
	body, err := st.lines.rest(first)
	if errors.Is(err, errLongLine) {
		err = &http.MaxBytesError{Limit: int64(st.cfg.MaxBody)}
	}
	if err != nil {
		st.unreadable(err)
		return
	}
	values, err := splitJSON(body)
	if err != nil {
		st.malformed(err.Error())
		return
	}
	for i, value := range values {
		event, err := st.read(value)
		if err == nil {
			st.add(event, i+1, value)
			continue
		}
		if !st.skip {
			st.malformed(fmt.Sprintf("event %d: %v", i+1, err))
			return
		}
		st.reject(i+1, err, reasonMalformed)
	}
	if st.flush() {
		st.answer()
	}
}

// takeLines takes line after line.
func (st *stream) takeLines() {
	for {
		if !st.lines.ready() {
			if !st.flush() || !st.wait() {
				return
			}
		}
		line, err := st.lines.next()
		switch {
		case errors.Is(err, io.EOF):
			if st.flush() {
				st.answer()
			}
			return
		case errors.Is(err, errLongLine):
			err = fmt.Errorf("the line is over %d bytes", st.cfg.MaxBody)
			if !st.wrong(err, http.StatusRequestEntityTooLarge, reasonTooLarge) {
				return
			}
		case err != nil:
			if st.flush() {
				st.broken(err)
			}
			return
		case !st.line(line):
			return
		}
	}
}

// line takes one; false: the answer is written.
func (st *stream) line(line []byte) bool {
	event, err := st.read(line)
	if err != nil {
		return st.wrong(err, http.StatusBadRequest, reasonMalformed)
	}
	st.add(event, st.lines.n, line)
	if len(st.batch) >= streamBatch || st.size >= streamBatchBytes {
		return st.flush()
	}
	return true
}
