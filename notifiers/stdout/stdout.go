// Package stdout writes alerts to a stream: a coloured line each for a person at a terminal, a JSON
// object each for a program.
package stdout

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
)

// Config is one entry of stdout_configs.
type Config struct {
	SendResolved bool   `yaml:"send_resolved"` // default true
	Format       string `yaml:"format"`        // text, json, or auto (default): text on a terminal, else json
}

// DefaultConfig is what an entry starts from.
func DefaultConfig() Config { return Config{SendResolved: true, Format: "auto"} }

// UnmarshalYAML reads an entry over the defaults.
func (c *Config) UnmarshalYAML(unmarshal func(any) error) error {
	*c = DefaultConfig()
	type plain Config
	return unmarshal((*plain)(c))
}

// Validate checks the entry.
func (c Config) Validate() error {
	switch c.Format {
	case "auto", "text", "json":
		return nil
	default:
		return fmt.Errorf("format %q: use auto, text or json", c.Format)
	}
}

// Spec is what the entry wants its messages made of: nothing, it shows the alerts themselves.
func (c Config) Spec() notifiers.Spec { return notifiers.Spec{Kind: "stdout"} }

// Stream writes to one stream. It is safe for concurrent use.
type Stream struct {
	receiver string
	text     bool
	color    bool

	mu sync.Mutex
	w  io.Writer
}

var _ pipeline.Notifier = (*Stream)(nil)

// New returns a stream for one entry of receiver's stdout_configs that writes to w. Colours are used
// when w is a terminal and NO_COLOR is not set (no-color.org).
func New(cfg Config, receiver string, w io.Writer) (*Stream, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("stdout_configs of receiver %q: %w", receiver, err)
	}
	terminal := isTerminal(w)
	return &Stream{
		receiver: receiver,
		text:     cfg.Format == "text" || cfg.Format == "auto" && terminal,
		color:    terminal && os.Getenv("NO_COLOR") == "",
		w:        w,
	}, nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// ID names the stream: there is one.
func (s *Stream) ID() string { return notifiers.ID("stdout", "stdout") }

// Notify writes one line for each alert, all in one write: lines of concurrent messages do not mix.
func (s *Stream) Notify(ctx context.Context, m pipeline.Message) error {
	if err := ctx.Err(); err != nil {
		return s.fail(pipeline.Retry, err)
	}
	var lines []byte
	for _, a := range m.Alerts {
		if s.text {
			lines = append(AppendLine(lines, a, s.color), '\n')
			continue
		}
		var err error
		if lines, err = appendJSON(lines, &a); err != nil {
			return s.fail(pipeline.BadMessage, fmt.Errorf("encode alert %s: %w", a.ID, err))
		}
		lines = append(lines, '\n')
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.w.Write(lines); err != nil {
		return s.fail(pipeline.Retry, fmt.Errorf("write: %w", err))
	}
	return nil
}

// appendJSON appends an alert as people and programs read it, with <, > and & as they are.
func appendJSON(b []byte, a *pipeline.Alert) ([]byte, error) {
	begin := len(b)
	b, err := alertjson.Append(b, a)
	if err != nil {
		return b[:begin], err
	}
	from, to := begin, begin
	for {
		n := bytes.IndexByte(b[from:], '\\')
		if n < 0 {
			return b[:to+copy(b[to:], b[from:])], nil
		}
		to += copy(b[to:], b[from:from+n])
		from += n
		if plain, is := unescape(b[from:]); is {
			b[to], from, to = plain, from+6, to+1
			continue
		}
		to += copy(b[to:], b[from:from+2]) // an escape is never the last byte
		from += 2
	}
}

// unescape returns the character that an escape at the beginning of b stands for, if it was escaped for the sake of
// HTML alone.
func unescape(b []byte) (plain byte, is bool) {
	if !bytes.HasPrefix(b, []byte(`\u00`)) {
		return 0, false
	}
	switch string(b[4:6]) {
	case "3c":
		return '<', true
	case "3e":
		return '>', true
	case "26":
		return '&', true
	}
	return 0, false
}

func (s *Stream) fail(class pipeline.DeliveryClass, err error) error {
	return &pipeline.DeliveryError{Class: class, Receiver: s.receiver, Err: err}
}
