// Package file appends alerts to a file, a JSON object on each line, for records. The file is rotated by size, and old ones
// go by age and number.
package file

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gopkg.in/natefinch/lumberjack.v2"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
)

// Config is one entry of file_configs.
type Config struct {
	SendResolved bool              `yaml:"send_resolved"` // default true
	Path         string            `yaml:"path"`          // relative to data_dir; its folder is made if needed
	MaxSize      int               `yaml:"max_size"`      // MB at which a new file begins; default 100
	MaxBackups   int               `yaml:"max_backups"`   // how many old files are kept; default 10, -1: all
	MaxAge       pipeline.Duration `yaml:"max_age"`       // how long they are kept; whole days; default 0: for ever
	Compress     bool              `yaml:"compress"`      // old ones with gzip
}

// DefaultConfig is what an entry starts from.
func DefaultConfig() Config { return Config{SendResolved: true, MaxSize: 100, MaxBackups: 10} }

// UnmarshalYAML reads an entry over the defaults.
func (c *Config) UnmarshalYAML(unmarshal func(any) error) error {
	*c = DefaultConfig()
	type plain Config
	return unmarshal((*plain)(c))
}

const day = pipeline.Duration(24 * time.Hour)

// Validate checks the entry.
func (c Config) Validate() error {
	switch {
	case c.Path == "":
		return errors.New("path is missing: the file to append to")
	case strings.HasSuffix(c.Path, "/"):
		return fmt.Errorf("path %q is a folder", c.Path)
	case c.MaxSize < 1:
		return fmt.Errorf("max_size %d: use 1 MB or more", c.MaxSize)
	case c.MaxBackups < -1:
		return fmt.Errorf("max_backups %d: use -1 for all, or how many", c.MaxBackups)
	case c.MaxBackups == 0:
		return errors.New("max_backups 0: a rotated file would be lost at once; use 1 or more, or -1 for all")
	case c.MaxAge < 0 || c.MaxAge%day != 0:
		return fmt.Errorf("max_age %s: use whole days, as in 30d", c.MaxAge)
	}
	return nil
}

// Spec is what the entry wants its messages made of: nothing, it has the alerts themselves.
func (c Config) Spec() notifiers.Spec { return notifiers.Spec{Kind: "file"} }

// File appends to one file. It is safe for concurrent use.
type File struct {
	receiver string
	path     string

	mu  sync.Mutex
	out *lumberjack.Logger
}

var _ pipeline.Notifier = (*File)(nil)

// New returns a file for one entry of receiver's file_configs. Nothing is opened before the first message.
func New(cfg Config, receiver, dataDir string) (*File, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("file_configs of receiver %q: %w", receiver, err)
	}
	path := cfg.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(dataDir, path)
	}
	return &File{receiver: receiver, path: path, out: &lumberjack.Logger{
		Filename: path, MaxSize: cfg.MaxSize, MaxBackups: max(cfg.MaxBackups, 0), MaxAge: int(cfg.MaxAge / day), Compress: cfg.Compress,
	}}, nil
}

// ID names the file.
func (f *File) ID() string { return notifiers.ID("file", f.path) }

// Notify appends a line for each alert, all in one write. What is written outlives a kill; it is not synced to the device.
func (f *File) Notify(ctx context.Context, m pipeline.Message) error {
	if err := ctx.Err(); err != nil {
		return f.fail(pipeline.Retry, err)
	}
	var lines []byte
	var err error
	for i := range m.Alerts {
		if lines, err = alertjson.Append(lines, &m.Alerts[i]); err != nil {
			return f.fail(pipeline.BadMessage, fmt.Errorf("encode alert %s: %w", m.Alerts[i].ID, err))
		}
		lines = append(lines, '\n')
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.out.Write(lines); err != nil {
		return f.fail(pipeline.Retry, fmt.Errorf("append to %s: %w", f.path, err)) // a disk that is full has room again
	}
	return nil
}

func (f *File) fail(class pipeline.DeliveryClass, err error) error {
	return &pipeline.DeliveryError{Class: class, Receiver: f.receiver, Err: err}
}
