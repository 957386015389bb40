package email

import (
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Limits are how many mails the recipients of an entry get: more than one a second is a flood to them and to the
// smarthost, and goes as digests.
func (m *Mailer) Limits() []pipeline.Limit { return m.cfg.MaxPerMinute.Limits(limits()) }

// limits are what the channel takes.
func limits() []pipeline.Limit { return []pipeline.Limit{{Most: 60, Per: time.Minute}} }
