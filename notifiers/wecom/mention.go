package wecom

import (
	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// called are whom a message mentions: those whom the entry names, and the people on call. Of these, a phone number
// stands only for those who have no user id, as markdown needs a second message for it.
func (c Config) called(people []pipeline.Person) (userIDs, mobiles []string) {
	userIDs, mobiles = c.MentionedList, c.MentionedMobileList
	for _, p := range people {
		if p.WeCom != "" {
			userIDs = notifiers.Also(userIDs, p.WeCom)
		} else {
			mobiles = notifiers.AlsoMobile(mobiles, p.Mobile)
		}
	}
	return userIDs, mobiles
}

// Calls says whom of the people on call the entry wants to be called.
func (c Config) Calls() notifiers.Mention { return c.Mention }

// Calls is its configuration's.
func (r *Robot) Calls() notifiers.Mention { return r.cfg.Mention }
