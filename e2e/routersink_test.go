package e2e

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"
)

// rawSink takes posts as cheaply as it can, so that a benchmark measures the sender: it reads a request's length and
// body by hand and answers 200. It understands what Go's clients send, and nothing else.
type rawSink struct {
	url string

	mu       sync.Mutex // guards what follows
	open     *sync.Cond // of held
	held     bool       // no post is answered while it is
	posts    int
	last     time.Time
	delays   []time.Duration // of posts whose body holds a stamp
	onlyFrom int             // delays are kept from this post on
}

func newRawSink(tb testing.TB) *rawSink {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &rawSink{url: "http://" + l.Addr().String()}
	s.open = sync.NewCond(&s.mu)
	tb.Cleanup(func() {
		l.Close()
		s.hold(false)
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c) // ends with its connection, which ends with the process under test
		}
	}()
	return s
}

func (s *rawSink) hold(held bool) {
	s.mu.Lock()
	s.held = held
	s.mu.Unlock()
	s.open.Broadcast()
}

func (s *rawSink) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReaderSize(c, 16<<10)
	var body []byte
	for {
		head, err := readHead(r)
		if err != nil {
			return
		}
		body = append(body[:0], make([]byte, head.length)...)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		s.took(body)
		if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); err != nil {
			return
		}
	}
}

func (s *rawSink) took(body []byte) {
	now := time.Now()
	delay, stamped := stampIn(body, now)
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.held {
		s.open.Wait()
	}
	s.posts++
	s.last = now
	if stamped && s.posts > s.onlyFrom {
		s.delays = append(s.delays, delay)
	}
}

// count is how many posts have been taken, and when the last of them was.
func (s *rawSink) count() (int, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.posts, s.last
}

// stamp is the mark of an alert whose way is measured.
const stamp = "/stamp/"

// stampIn returns how long ago the first stamp in body was written.
func stampIn(body []byte, now time.Time) (time.Duration, bool) {
	_, rest, found := bytes.Cut(body, []byte(stamp))
	if !found {
		return 0, false
	}
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	ns, err := strconv.ParseInt(string(rest[:end]), 10, 64)
	return now.Sub(time.Unix(0, ns)), err == nil
}

// head is what the harness wants of a request's or an answer's head.
type head struct {
	status int // of an answer
	length int
}

func readHead(r *bufio.Reader) (h head, err error) {
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return h, err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case len(line) == 0:
			return h, nil
		case first && bytes.HasPrefix(line, []byte("HTTP/")) && len(line) >= 12:
			if h.status, err = strconv.Atoi(string(line[9:12])); err != nil {
				return h, err
			}
		case len(line) > 15 && bytes.EqualFold(line[:15], []byte("content-length:")):
			if h.length, err = strconv.Atoi(string(bytes.TrimSpace(line[15:]))); err != nil {
				return h, err
			}
		case bytes.EqualFold(line, []byte("transfer-encoding: chunked")):
			return h, http.ErrNotSupported
		}
	}
}
