package wecom

import (
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Limits are how many requests the robot is to get.
//
// A robot takes 20 messages a minute, by a clock of its own; two are left for others and for what is under way.
func (r *Robot) Limits() []pipeline.Limit { return r.cfg.MaxPerMinute.Limits(limits()) }

// limits are what the channel takes.
func limits() []pipeline.Limit { return []pipeline.Limit{{Most: 18, Per: time.Minute}} }
