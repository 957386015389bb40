package dingtalk

import (
	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// with adds the people on call: a phone number stands for those who have no user id.
func (a At) with(people []pipeline.Person) At {
	for _, p := range people {
		if p.DingTalk != "" {
			a.UserIDs = notifiers.Also(a.UserIDs, p.DingTalk)
		} else {
			a.Mobiles = notifiers.AlsoMobile(a.Mobiles, p.Mobile)
		}
	}
	return a
}

// Calls says whom of the people on call the entry wants to be called.
func (c Config) Calls() notifiers.Mention { return c.Mention }

// Calls is its configuration's.
func (r *Robot) Calls() notifiers.Mention { return r.cfg.Mention }
