package feishu

import (
	"time"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Limits are how many requests the robot is to get. It takes 100 a minute and 5 a second.
func (r *Robot) Limits() []pipeline.Limit { return r.cfg.MaxPerMinute.Limits(limits()) }

// limits are what the channel takes.
func limits() []pipeline.Limit {
	return []pipeline.Limit{{Most: 90, Per: time.Minute}, {Most: 4, Per: time.Second}}
}

// Calls says whom of the people on call the entry wants to be called.
func (c Config) Calls() notifiers.Mention { return c.Mention }

// Calls is its configuration's.
func (r *Robot) Calls() notifiers.Mention { return r.cfg.Mention }
