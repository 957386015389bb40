package notifiers

import (
	"fmt"

	"github.com/tocsin-security/tocsin/pipeline"
)

// PerMinute is how many messages a minute an entry is to send at most, where others send to the same robot, too; 0: as many
// as the channel takes.
type PerMinute int

// Validate checks it against what the channel takes.
func (n PerMinute) Validate(limits []pipeline.Limit) error {
	if most := limits[0].Most; n < 0 || int(n) > most {
		return fmt.Errorf("max_per_minute %d: use 1 to %d, or leave it out for %d: more is not taken", n, most, most)
	}
	return nil
}

// Limits are limits, the first of which is by the minute, with it.
func (n PerMinute) Limits(limits []pipeline.Limit) []pipeline.Limit {
	if n > 0 {
		limits[0].Most = int(n)
	}
	return limits
}
