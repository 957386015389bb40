package dingtalk

import (
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Limits are how many requests the robot is to get.
//
// A robot takes 20 messages a minute, and who sends more is blocked for ten. Nobody says whether a minute begins
// with its first message; three are left for others and for what is under way.
func (r *Robot) Limits() []pipeline.Limit { return r.cfg.MaxPerMinute.Limits(limits()) }

// limits are what the channel takes.
func limits() []pipeline.Limit { return []pipeline.Limit{{Most: 17, Per: time.Minute}} }
