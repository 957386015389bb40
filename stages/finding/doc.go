// Package finding keeps what scanners report: Trivy of images, kube-bench of nodes, Gatekeeper of resources.
// Alerts are told what is known of their image, node and resource, and what is new in a report becomes events
// that rules can be about. A file for each format reads it; report.go has what they have in common.
//
// Two kinds of documents are kept. One says for each subject what an alert is told: counts and the worst. The
// other says for each unit of reporting (an image, a node, a Gatekeeper constraint) which findings rules have
// been asked about, so that a report that is posted again asks nothing again.
package finding

import (
	"fmt"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Config is the enrich.findings block of the configuration.
type Config struct {
	// MaxAge is how long after a report alerts are told of it; default 30d. 0 tells none.
	MaxAge pipeline.Duration `yaml:"max_age"`
	// Limit is how many subjects are kept, those last reported on; default 20000. An image is a subject by
	// digest, by id and by each tag.
	Limit int `yaml:"limit"`
}

// DefaultConfig tells those of a month.
func DefaultConfig() Config {
	return Config{MaxAge: pipeline.Duration(30 * 24 * time.Hour), Limit: 20_000}
}

// mostKept bounds the limit, by what a store should have to hold of this.
const mostKept = 1_000_000

// Validate names the key that makes no sense.
func (c Config) Validate() error {
	if c.Limit < 1 || c.Limit > mostKept {
		return fmt.Errorf("findings.limit: %d: between 1 and %d can be kept", c.Limit, mostKept)
	}
	return nil
}
