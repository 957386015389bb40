// Package silence keeps what people want to be quiet: silences, by matchers and for a time, and acknowledgements,
// of one alert. It says what applies to an alert; what is done with that is the business of groups.
//
// Both are documents in the store, written before anybody is told that they are taken, and held in memory by every
// router: an alert is never held up by the store, and a store that is away means that what is known so far applies.
// Several routers may change them at once; of two changes of one silence the later counts.
package silence

import (
	"errors"
	"fmt"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Config is the silences block of the configuration.
type Config struct {
	// RequireScope refuses silences that name neither a rule nor a workload, unless they are forced; default true.
	RequireScope bool `yaml:"require_scope"`
	// Max is how many there may be that are not over; default 2000.
	Max int `yaml:"max"`
	// MaxSize bounds one of them, as JSON; default 16KiB.
	MaxSize pipeline.Size `yaml:"max_size"`
	// MaxDuration is how far from now or from its start, whichever is later, a silence may end; default 30d. 0: any.
	MaxDuration pipeline.Duration `yaml:"max_duration"`
	// Retention is how long one that is over is kept, for those who look back or want it again; default 120h.
	Retention pipeline.Duration `yaml:"retention"`
	// NoticeBefore is how long before its end people are told of it, of those that last more than twice as long;
	// default 30m: time to look and to extend it, and no notice of silences for a short piece of work. 0: never.
	NoticeBefore pipeline.Duration `yaml:"notice_before"`
	// IdleEnd ends a silence for which nothing has matched for so long, where the silence does not say; default 0: none.
	IdleEnd pipeline.Duration `yaml:"idle_end"`
	// AckFor is how long an acknowledgement lasts that does not say; default 4h.
	AckFor pipeline.Duration `yaml:"ack_for"`
	// AckMax is the longest; default 7d.
	AckMax pipeline.Duration `yaml:"ack_max"`
}

// DefaultConfig has the defaults.
func DefaultConfig() Config {
	return Config{
		RequireScope: true, Max: 2000, MaxSize: 16 << 10, MaxDuration: days(30), Retention: days(5),
		NoticeBefore: pipeline.Duration(30 * time.Minute), AckFor: pipeline.Duration(4 * time.Hour), AckMax: days(7),
	}
}

func days(n time.Duration) pipeline.Duration { return pipeline.Duration(n * 24 * time.Hour) }

const (
	// mostKept bounds Max: every router holds all in memory, some 2 kB each, and reads all that changed.
	mostKept = 20_000
	// leastIdle bounds IdleEnd: a group asks about what it holds once in its interval, and a silence that ends
	// between two such questions would end while alerts still match.
	leastIdle = 10 * time.Minute
	// maxAcks is how many alerts can be acknowledged at once.
	maxAcks = 10_000
)

// Validate names every key that makes no sense.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Max < 1 || c.Max > mostKept {
		bad("silences.max: %d: between 1 and %d", c.Max, mostKept)
	}
	if c.MaxSize < 512 || c.MaxSize > pipeline.MaxDocumentBody/2 {
		bad("silences.max_size: %d bytes: between 512B and 512KiB", c.MaxSize)
	}
	if d := c.MaxDuration; d != 0 && time.Duration(d) < time.Minute {
		bad("silences.max_duration: %s: a minute at least, or 0 for any", d)
	}
	if d := c.IdleEnd; d != 0 && time.Duration(d) < leastIdle {
		bad("silences.idle_end: %s: %s at least, or 0 for never", d, leastIdle)
	}
	if c.AckFor <= 0 || c.AckFor > c.AckMax {
		bad("silences.ack_for: %s: more than 0, and at most silences.ack_max (%s)", c.AckFor, c.AckMax)
	}
	return errors.Join(errs...)
}

// Documents of this package: the limits with which their kinds are opened. What is over makes room for what is not,
// so there are never so many that the store forgets one that counts.

// SilenceDocuments is the limit of the kind of silences.
func (c Config) SilenceDocuments() int { return 2*c.Max + 1000 }

// Limits of the other kinds.
const (
	AckDocuments = maxAcks + 1000
	HitDocuments = 50_000 // counts by silence and process; more forgets those of long ago
)
