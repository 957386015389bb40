package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
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

func (st *stream) add(event json.RawMessage, n int, posted []byte) {
	st.batch, st.at = append(st.batch, event), append(st.at, n)
	st.size += len(event)
	if st.key != "" {
		st.ids = append(st.ids, st.messageID(st.key, n, posted))
	}
}

// wrong passes over the line, or ends the stream with those before it; false: the answer is written.
func (st *stream) wrong(err error, status int, reason string) bool {
	if st.skip {
		st.reject(st.lines.n, err, reason)
		return true
	}
	if st.flush() {
		st.reject(st.lines.n, err, reason)
		st.end(status, "", fmt.Errorf("line %d: %w", st.lines.n, err))
	}
	return false
}

func (st *stream) reject(n int, err error, reason string) {
	st.rejected++
	st.metrics.refused.WithLabelValues(st.source, reason).Inc()
	if len(st.errors) < mostErrors {
		st.errors = append(st.errors, lineError{n, err.Error()})
	}
}

// flush makes durable what was gathered; false: the answer is written.
func (st *stream) flush() bool {
	for {
		err := st.publish(st.r.Context())
		if err == nil {
			return true
		}
		var tooLarge *pipeline.TooLarge
		if !errors.As(err, &tooLarge) {
			st.end(http.StatusServiceUnavailable, reasonNotStored, err)
			return false
		}
		i := tooLarge.Index
		n := st.at[i]
		switch {
		case st.skip:
			st.reject(n, err, reasonTooLarge)
			st.drop(i, i+1)
			continue
		case st.whole:
			st.end(http.StatusRequestEntityTooLarge, reasonTooLarge, fmt.Errorf("event %d: %w", n, err))
			return false
		}
		st.drop(i, len(st.batch))
		if st.flush() {
			st.reject(n, err, reasonTooLarge)
			st.end(http.StatusRequestEntityTooLarge, "", fmt.Errorf("line %d: %w", n, err))
		}
		return false
	}
}

// drop takes some out of the batch.
func (st *stream) drop(i, j int) {
	st.batch, st.at = slices.Delete(st.batch, i, j), slices.Delete(st.at, i, j)
	if st.ids != nil {
		st.ids = slices.Delete(st.ids, i, j)
	}
}

func (st *stream) publish(ctx context.Context) error {
	if len(st.batch) == 0 {
		return nil
	}
	if err := st.deps.Intake.PublishEventsAs(ctx, st.source, st.ids, st.batch); err != nil {
		return err
	}
	st.accepted += len(st.batch)
	st.metrics.accepted.WithLabelValues(st.source).Add(float64(len(st.batch)))
	clear(st.batch)
	st.batch, st.ids, st.at, st.size = st.batch[:0], st.ids[:0], st.at[:0], 0
	return nil
}

// wait gives the client time for its next line; false: the answer is written.
func (st *stream) wait() bool {
	if st.control == nil {
		st.watch()
	}
	if err := st.control.SetReadDeadline(time.Now().Add(streamIdle)); err != nil {
		st.deps.Log.Warn("a stream has no more time than other requests", "err", err)
	}
	select {
	case <-st.stopping:
		st.broken(os.ErrDeadlineExceeded)
		return false
	default:
		return true
	}
}

// watch ends the wait for the client when the server stops, until unwatch.
func (st *stream) watch() {
	st.control = http.NewResponseController(st.w)
	st.watched, st.finished = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(st.watched)
		select {
		case <-st.stopping:
			_ = st.control.SetReadDeadline(time.Unix(1, 0)) // wait has logged that it cannot
		case <-st.finished:
		}
	}()
}

func (st *stream) unwatch() {
	if st.control != nil {
		close(st.finished)
		<-st.watched
	}
}

// broken answers for a stream that could not be read to its end.
func (st *stream) broken(err error) {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		st.end(http.StatusBadRequest, reasonMalformed, fmt.Errorf("the stream broke off: %w", err))
		return
	}
	select {
	case <-st.stopping:
		st.end(http.StatusServiceUnavailable, "", errors.New("tocsin stops: go on with another one, or try again"))
	default:
		st.end(http.StatusRequestTimeout, "", fmt.Errorf("no line for %s: begin another stream", streamIdle))
	}
}

// counts are what every answer has.
func (st *stream) counts() map[string]any {
	counts := map[string]any{"accepted": st.accepted, "rejected": st.rejected}
	if len(st.errors) > 0 {
		counts["errors"] = st.errors
	}
	return counts
}

// answer says that all of it was taken, but for what was passed over.
func (st *stream) answer() {
	if st.accepted+st.rejected == 0 {
		st.malformed("the body is empty: post a JSON object, an array of them, or one on each line")
		return
	}
	st.prepare(false)
	answer(st.w, http.StatusAccepted, st.counts())
}

// end says why it went no further, and how much of it is durable. reason counts it, unless it is counted already.
func (st *stream) end(status int, reason string, err error) {
	if reason != "" {
		st.metrics.refused.WithLabelValues(st.source, reason).Inc()
	}
	text := strings.TrimSuffix(err.Error(), ".")
	if status == http.StatusServiceUnavailable {
		st.w.Header().Set("Retry-After", "5")
	}
	if reason == reasonNotStored {
		st.deps.Log.Error("intake could not store what was posted", "request_id", requestID(st.w), "err", err)
		text = "not stored, post the rest again: " + text
	}
	st.prepare(true)
	refuseWith(st.w, status, text, st.counts())
	// What the client still sends is read for a moment, so that it gets the answer and not a broken connection.
	control := http.NewResponseController(st.w)
	if err := errors.Join(control.Flush(), control.SetReadDeadline(time.Now().Add(time.Second))); err != nil {
		st.deps.Log.Debug("the rest of a stream has no time of its own", "err", err)
	}
}

// prepare gives the answer its time. One that comes before the body's end ends the connection: else the server would
// read on before it answers, for as long as the client may be silent.
func (st *stream) prepare(early bool) {
	if early {
		st.w.Header().Set("Connection", "close")
	}
	if st.control == nil {
		return
	}
	if err := st.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		st.deps.Log.Debug("an answer to a stream has no time of its own", "err", err)
	}
}
