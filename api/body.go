package api

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/tocsin-security/tocsin/pipeline"
)

// limitBody answers larger bodies with 413. A body may come compressed; then the limit is on what it unpacks to.
func limitBody(most pipeline.Size) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength > int64(most) {
				refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has %d bytes, at most %d are taken: post smaller batches", r.ContentLength, most))
				return
			}
			if unpack(w, r) {
				r.Body = http.MaxBytesReader(w, r.Body, int64(most))
				next.ServeHTTP(w, r)
			}
		})
	}
}

// unpackBody is for bodies of any length.
func unpackBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if unpack(w, r) {
			next.ServeHTTP(w, r)
		}
	})
}

// unpack makes r.Body what the client meant; it answers by itself where it cannot.
func unpack(w http.ResponseWriter, r *http.Request) bool {
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		r.Body, r.ContentLength = &unzipped{packed: r.Body}, -1
	default:
		w.Header().Set("Accept-Encoding", "gzip")
		refuse(w, http.StatusUnsupportedMediaType, fmt.Sprintf("Content-Encoding %q is not taken: use gzip, or none", encoding))
		return false
	}
	return true
}

// unzipped reads a gzip body. Its beginning is read with the first Read: whoever sends slowly makes the handler
// wait, and nobody before it.
type unzipped struct {
	packed io.ReadCloser
	gzip   *gzip.Reader
}

func (u *unzipped) Read(b []byte) (int, error) {
	if u.gzip == nil {
		z, err := gzip.NewReader(u.packed)
		if err != nil {
			return 0, notGzip(err)
		}
		u.gzip = z
	}
	n, err := u.gzip.Read(b)
	return n, notGzip(err)
}

func (u *unzipped) Close() error { return u.packed.Close() }

// notGzip says what an error of the reader means to the client.
func notGzip(err error) error {
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) {
		return fmt.Errorf("it is no gzip, as Content-Encoding says it is: %w", err)
	}
	return err
}

// maxExpected is how much memory a body gets at once by what its client says of it.
const maxExpected = 1 << 20

// wholeBody reads all of a body, into buf if there is room.
func wholeBody(r *http.Request, buf []byte) ([]byte, error) {
	expected := min(max(r.ContentLength, 0), maxExpected)
	b := bytes.NewBuffer(slices.Grow(buf[:0], int(expected)+bytes.MinRead)) // so much more, or it grows to see the end
	_, err := b.ReadFrom(r.Body)
	return b.Bytes(), err
}

// bodies are buffers for bodies.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

// refuseBody says that a body was too large, could not be read, or is wrong.
func refuseBody(w http.ResponseWriter, err error) {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is over %d bytes: post less at once", tooLarge.Limit))
		return
	}
	refuse(w, http.StatusBadRequest, err.Error())
}
