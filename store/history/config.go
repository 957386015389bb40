package history

import (
	"fmt"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Config is the history block of the configuration.
type Config struct {
	// MaxAge is how long what happened is kept; default 30d: long enough for the review of a month, and for an
	// incident that is noticed weeks after it began. At least 1m.
	MaxAge pipeline.Duration `yaml:"max_age"`
	// MaxSize bounds the file, or what history takes in Redis; default 1GiB: some 2,000,000 alerts that
	// people were told of, in Redis 300,000. At least 1MiB. The oldest goes first.
	MaxSize pipeline.Size `yaml:"max_size"`
}

// DefaultConfig keeps a month, in a gigabyte.
func DefaultConfig() Config {
	return Config{MaxAge: pipeline.Duration(30 * 24 * time.Hour), MaxSize: 1 << 30}
}

// Validate names the field that is wrong.
func (c Config) Validate() error {
	if c.MaxAge < pipeline.Duration(time.Minute) {
		return fmt.Errorf("max_age: %s is too short to explain anything: use at least 1m", c.MaxAge)
	}
	if c.MaxSize < 1<<20 {
		return fmt.Errorf("max_size: %d bytes hold next to nothing: use at least 1MiB", c.MaxSize)
	}
	return nil
}
