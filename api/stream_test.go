package api

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin-security/tocsin/pipeline"
)

// streamIntake shows each batch of events to a test, or fails from some on.
type streamIntake struct {
	batches chan []string // nil: nobody asks
	mu      sync.Mutex    // guards what follows
	events  []string
	ids     []string
	left    int // batches until it fails; negative: it does not
}

func (f *streamIntake) PublishAlerts(context.Context, []pipeline.Alert) error { return nil }

func (f *streamIntake) PublishEventsAs(_ context.Context, _ string, ids []string, events []json.RawMessage) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == 0 {
		return errors.New("disk full")
	}
	f.left--
	var batch []string
	for _, e := range events {
		batch = append(batch, string(e))
	}
	f.events, f.ids = append(f.events, batch...), append(f.ids, ids...)
	if f.batches != nil {
		f.batches <- batch
	}
	return nil
}

// streamAnswer is what streams are answered with.
type streamAnswer struct {
	Accepted, Rejected int
	Error              string
	Errors             []lineError
}

func postStream(t *testing.T, url, contentType, body string, header ...string) (int, streamAnswer, http.Header) {
	t.Helper()
	req, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var a streamAnswer
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, a, resp.Header
}

const ndjson = "application/x-ndjson"

func TestBodiesOfEvents(t *testing.T) {
	const form = "application/x-www-form-urlencoded" // what curl says
	long := `{"a":"` + strings.Repeat("x", 2000) + `"}`
	many := strings.Repeat(`{"a":1}`+"\n", 1000)
	for name, c := range map[string]struct {
		contentType, query, body string
		status                   int
		accepted, rejected       int
		reason                   string
	}{
		"one object":                            {form, "", `{"a":1}`, 202, 1, 0, ""},
		"one over several lines":                {form, "", "{\n \"a\": 1\n}\n", 202, 1, 0, ""},
		"an array over several lines":           {form, "", "[\n{\"a\":1},\n{\"a\":2}\n]", 202, 2, 0, ""},
		"lines nobody announced":                {form, "", "{\"a\":1}\r\n\n{\"a\":2}\n", 202, 2, 0, ""},
		"lines that were announced":             {ndjson, "", "\n{\"a\":1}\n{\"a\":2}", 202, 2, 0, ""},
		"more lines than a batch, and a body":   {ndjson, "", many, 202, 1000, 0, ""},
		"the same without being announced":      {form, "", many, 202, 1000, 0, ""},
		"a bad line":                            {ndjson, "", "{\"a\":1}\n{\"a\":2}\n{nope}\n{\"a\":4}\n", 400, 2, 1, "line 3: it is not JSON"},
		"a bad line after a blank one":          {form, "", "{\"a\":1}\n\n7\n", 400, 1, 1, "line 3: not a JSON object"},
		"a bad line that is passed over":        {ndjson, "?on_error=skip", "{\"a\":1}\n{nope}\n[]\n{\"a\":4}\n", 202, 2, 2, ""},
		"a long line":                           {ndjson, "", "{\"a\":1}\n" + long + "\n{\"a\":4}\n", 413, 1, 1, "line 2: the line is over 1024 bytes"},
		"a long line that is passed over":       {ndjson, "?on_error=skip", "{\"a\":1}\n" + long + "\n{\"a\":4}\n", 202, 2, 1, ""},
		"a long line without an end":            {ndjson, "?on_error=skip", "{\"a\":1}\n" + long, 202, 1, 1, ""},
		"a long object":                         {form, "", long, 413, 0, 0, "at most 1024"},
		"a long array":                          {form, "", "[\n" + long + "]", 413, 0, 0, "at most 1024"},
		"an array with something bad":           {form, "", `[{"a":1}, 7]`, 400, 0, 0, "event 2"},
		"the same, passed over":                 {form, "?on_error=skip", `[{"a":1}, 7]`, 202, 1, 1, ""},
		"nothing":                               {ndjson, "", "\n\n", 400, 0, 0, "empty"},
		"nothing that was announced as nothing": {form, "", " ", 400, 0, 0, "empty"},
		"an unknown word":                       {ndjson, "?on_error=ignore", "{}", 400, 0, 0, "stop or skip"},
	} {
		t.Run(name, func(t *testing.T) {
			intake := &streamIntake{left: -1}
			base := start(t, func(cfg *Config, d *Deps) { d.Intake, cfg.MaxBody = intake, 1<<10 })
			status, a, _ := postStream(t, base+"/api/v1/events"+c.query, c.contentType, c.body)
			if status != c.status || a.Accepted != c.accepted || a.Rejected != c.rejected || !strings.Contains(a.Error, c.reason) {
				t.Errorf("it is answered with %d %+v, want %d, %d accepted, %d rejected, %q", status, a, c.status, c.accepted, c.rejected, c.reason)
			}
			if len(intake.events) != c.accepted {
				t.Errorf("%d are durable, %d are said to be", len(intake.events), c.accepted)
			}
			if c.rejected > 0 && len(a.Errors) != c.rejected {
				t.Errorf("it tells of %d lines, want %d", len(a.Errors), c.rejected)
			}
		})
	}
}

// openStream begins a stream whose lines the test writes.
func openStream(t *testing.T, base string, header string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /api/v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\n%sTransfer-Encoding: chunked\r\n\r\n", ndjson, header)
	return conn, bufio.NewReader(conn)
}

func chunk(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := fmt.Fprintf(conn, "%x\r\n%s\r\n", len(text), text); err != nil {
		t.Fatal(err)
	}
}

func readAnswer(t *testing.T, r *bufio.Reader) (*http.Response, streamAnswer) {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var a streamAnswer
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	return resp, a
}

func next(t *testing.T, intake *streamIntake) []string {
	t.Helper()
	select {
	case batch := <-intake.batches:
		return batch
	case <-time.After(20 * time.Second):
		t.Fatal("nothing became durable")
		return nil
	}
}

func TestAStreamIsDurableAsItComes(t *testing.T) {
	intake := &streamIntake{left: -1, batches: make(chan []string, 10)}
	base := start(t, func(_ *Config, d *Deps) { d.Intake = intake })
	conn, answer := openStream(t, base, "")
	chunk(t, conn, "{\"a\":1}\n{\"a\":2}\n{\"a\"")
	if got := next(t, intake); len(got) != 2 {
		t.Fatalf("of two lines and a half %q are durable", got)
	}
	chunk(t, conn, ":3}\n")
	if got := next(t, intake); len(got) != 1 || got[0] != `{"a":3}` {
		t.Fatalf("the line in two parts is %q", got)
	}
	chunk(t, conn, "{nope}\n") // the client goes on sending: the answer comes all the same
	resp, a := readAnswer(t, answer)
	if resp.StatusCode != 400 || a.Accepted != 3 || a.Rejected != 1 || !strings.Contains(a.Error, "line 4") {
		t.Errorf("a bad line in the middle is answered with %d %+v, want 400, 3 accepted, line 4", resp.StatusCode, a)
	}
}

func TestAStreamThatIsCutOff(t *testing.T) {
	intake := &streamIntake{left: -1, batches: make(chan []string, 10)}
	base := start(t, func(_ *Config, d *Deps) { d.Intake = intake })
	conn, _ := openStream(t, base, "")
	chunk(t, conn, "{\"a\":1}\n{\"a\":2}")
	if got := next(t, intake); len(got) != 1 {
		t.Fatalf("durable are %q, want the line that is whole", got)
	}
	conn.Close()
	// Nothing can be waited for but the end of the server, which waits for its handlers.
	t.Cleanup(func() {
		if len(intake.events) != 1 {
			t.Errorf("durable are %q: half a line is no event", intake.events)
		}
	})
}

func TestAStreamWhoseEventsCannotBeStored(t *testing.T) {
	intake := &streamIntake{left: 1, batches: make(chan []string, 10)}
	base := start(t, func(_ *Config, d *Deps) { d.Intake = intake })
	conn, answer := openStream(t, base, "")
	chunk(t, conn, "{\"a\":1}\n")
	next(t, intake)
	chunk(t, conn, "{\"a\":2}\n")
	resp, a := readAnswer(t, answer)
	if resp.StatusCode != 503 || a.Accepted != 1 || resp.Header.Get("Retry-After") == "" || !strings.Contains(a.Error, "disk full") {
		t.Errorf("it is answered with %d %+v, want 503, 1 accepted, when to try again and why", resp.StatusCode, a)
	}
}

func TestAStreamEndsWithTheServer(t *testing.T) {
	intake := &streamIntake{left: -1, batches: make(chan []string, 10)}
	cfg := DefaultConfig()
	cfg.Listen = "127.0.0.1:0"
	s, err := New(cfg, Deps{Intake: intake, Sources: func() []string { return []string{"json"} }, Gatherer: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	conn, answer := openStream(t, "http://"+s.Addr(), "")
	chunk(t, conn, "{\"a\":1}\n")
	next(t, intake)
	cancel()
	resp, a := readAnswer(t, answer)
	if resp.StatusCode != 503 || a.Accepted != 1 || !strings.Contains(a.Error, "stops") {
		t.Errorf("it is answered with %d %+v, want 503 that says that tocsin stops", resp.StatusCode, a)
	}
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
}

// Both ends of a pipe wait for each other: what the client sent and nobody stored yet is bounded.
func TestAStreamWaitsForTheStore(t *testing.T) {
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })                               // after the server
	intake := &streamIntake{left: -1, batches: make(chan []string)} // it stores when the test reads
	base := start(t, func(_ *Config, d *Deps) { d.Intake = intake })
	conn, _ := openStream(t, base, "")
	const most = 64 << 20 // far more than the buffers of two sockets, a stream and a batch
	line := `{"a":"` + strings.Repeat("x", 1000) + "\"}\n"
	block := strings.Repeat(line, 1000)
	sent := 0
	if err := conn.SetWriteDeadline(time.Now().Add(2 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for sent < most {
		n, err := fmt.Fprintf(conn, "%x\r\n%s\r\n", len(block), block)
		sent += n
		if err != nil {
			break
		}
	}
	if sent >= most {
		t.Errorf("the client could send %d bytes while nothing is stored", sent)
	}
	conn.Close()
	go func() {
		for {
			select {
			case <-intake.batches:
			case <-over:
				return
			}
		}
	}()
}

func TestPostedAgainIsTheSame(t *testing.T) {
	intake := &streamIntake{left: -1}
	base := start(t, func(_ *Config, d *Deps) { d.Intake = intake })
	ids := func(query, body string, header ...string) []string {
		intake.ids = nil
		if status, a, _ := postStream(t, base+"/api/v1/events"+query, ndjson, body, header...); status != 202 {
			t.Fatalf("%d %+v", status, a)
		}
		return intake.ids
	}
	const body = "{\"a\":1}\n{\"a\":1}\n"
	first := ids("", body, "Idempotency-Key", "k")
	if len(first) != 2 || first[0] == first[1] {
		t.Fatalf("two equal lines have the ids %q, want two", first)
	}
	if again := ids("", body, "Idempotency-Key", "k"); again[0] != first[0] || again[1] != first[1] {
		t.Errorf("posted again they have %q, want %q", again, first)
	}
	if hook := ids("", body, "Webhook-Id", "k"); hook[0] != first[0] {
		t.Error("webhook-id is no such key")
	}
	for name, other := range map[string][]string{
		"another key":    ids("", body, "Idempotency-Key", "l"),
		"another source": ids("?source=login", body, "Idempotency-Key", "k"),
		"another body":   ids("", "{\"a\":2}\n{\"a\":1}\n", "Idempotency-Key", "k"),
	} {
		if other[0] == first[0] {
			t.Errorf("%s: it is taken for the same", name)
		}
	}
	if none := ids("", body); none != nil {
		t.Errorf("without a key there are the ids %q", none)
	}
}

func packed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestCompressedBodies(t *testing.T) {
	bomb := packed(t, `{"rule":"`+strings.Repeat("x", 1<<20)+`"}`)
	for name, c := range map[string]struct {
		path, encoding, body string
		status               int
		reason               string
	}{
		"events":                       {"/api/v1/events", "gzip", packed(t, "{\"a\":1}\n{\"a\":2}\n"), 202, ""},
		"an alert of Falco":            {"/", "gzip", packed(t, falcoBody), 202, ""},
		"what unpacks to too much":     {"/", "gzip", bomb, 413, "at most 4096"},
		"a line that unpacks to more":  {"/api/v1/events", "gzip", bomb, 413, "at most 4096"},
		"what is not compressed":       {"/", "gzip", falcoBody, 400, "no gzip"},
		"what is cut off":              {"/", "gzip", packed(t, falcoBody)[:100], 400, "could not be read"},
		"another compression":          {"/", "zstd", falcoBody, 415, "use gzip"},
		"no compression, and it is so": {"/", "identity", falcoBody, 202, ""},
	} {
		t.Run(name, func(t *testing.T) {
			base := start(t, func(cfg *Config, _ *Deps) { cfg.MaxBody = 4 << 10 })
			status, a, _ := postStream(t, base+c.path, "application/json", c.body, "Content-Encoding", c.encoding)
			if status != c.status || !strings.Contains(a.Error, c.reason) {
				t.Errorf("it is answered with %d %+v, want %d with %q", status, a, c.status, c.reason)
			}
		})
	}
}

// Lines come out as they went in, whatever the buffer and wherever the body is cut.
func FuzzLines(f *testing.F) {
	f.Add("a\nbb\n\n ccc", 3, 2)
	f.Add(strings.Repeat("x", 70000)+"\ny\n", 80000, 1000)
	f.Fuzz(func(t *testing.T, body string, most, cut int) {
		if most < 1 || most > 1<<20 {
			return
		}
		l := newLines(&chunks{body, max(1, min(cut, 1<<16))}, most)
		var got []string
		for range len(body) + 2 {
			line, err := l.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if errors.Is(err, errLongLine) {
				got = append(got, "long")
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(line))
		}
		var want []string
		for line := range strings.Lines(body) {
			if len(line) > most+2 {
				want = append(want, "long")
			} else if trimmed := string(bytes.TrimSpace([]byte(line))); trimmed != "" {
				want = append(want, trimmed)
			}
		}
		if strings.Join(got, "\x00") != strings.Join(want, "\x00") {
			t.Errorf("lines of %q, at most %d: %q, want %q", body, most, got, want)
		}
	})
}

// chunks reads a text in parts.
type chunks struct {
	left string
	size int
}

func (c *chunks) Read(b []byte) (int, error) {
	if c.left == "" {
		return 0, io.EOF
	}
	n := copy(b, c.left[:min(c.size, len(c.left))])
	c.left = c.left[n:]
	return n, nil
}
