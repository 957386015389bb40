package pipeline

import "time"

// Covered says that an alert is told to nobody, because an exception of the whitelist covers it. What
// travels is the latest of the alerts of one rule that one entry covered on one node, as a sample, with the
// account of all of them so far.
type Covered struct {
	Entry string    `json:"entry"` // id of the whitelist entry
	Run   string    `json:"run"`   // names the process that counts: another run counts anew
	Hits  uint64    `json:"hits"`  // of this run, of this entry and rule
	First time.Time `json:"first"` // event times
	Last  time.Time `json:"last"`
}
