package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/tocsin-security/tocsin/pipeline"
)

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
