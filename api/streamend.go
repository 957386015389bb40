package api

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

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
