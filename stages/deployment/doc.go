// Package deployment knows what CI said it rolled out, and tells alerts the latest of it: most of what goes
// wrong follows a change. A deployment names the labels of the alerts that it is about. They are kept in the
// store, and read into an index in memory, which alerts are looked up in: the store being away costs an alert
// nothing, only what was posted to another replica in the meantime.
package deployment

import (
	"fmt"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Config is the enrich.deployments block of the configuration.
type Config struct {
	// MaxAge is how long after it a deployment is told; default 7d. 0 tells none.
	MaxAge pipeline.Duration `yaml:"max_age"`
	// Limit is how many are kept, of all selectors; default 10000.
	Limit int `yaml:"limit"`
}

// DefaultConfig tells those of a week.
func DefaultConfig() Config {
	return Config{MaxAge: pipeline.Duration(7 * 24 * time.Hour), Limit: 10_000}
}

// mostKept bounds the limit: every replica holds all in memory, some 500 bytes each.
const mostKept = 100_000

// Validate names the key that makes no sense.
func (c Config) Validate() error {
	if c.Limit < 1 || c.Limit > mostKept {
		return fmt.Errorf("deployments.limit: %d: between 1 and %d can be kept", c.Limit, mostKept)
	}
	return nil
}

// History is how many deployments of one selector are kept, so that an alert between two rollouts, or one
// that comes late, is told the right one.
const History = 5

// skew is how far the clocks of CI, nodes and tocsin may disagree.
const skew = time.Minute
