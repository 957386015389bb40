// Package stdout writes alerts to a stream: a coloured line each for a person at a terminal, a JSON
// object each for a program.
package stdout

import (
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
		if lines, err = alertjson.Append(lines, &a); err != nil {
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

func (s *Stream) fail(class pipeline.DeliveryClass, err error) error {
	return &pipeline.DeliveryError{Class: class, Receiver: s.receiver, Err: err}
}
