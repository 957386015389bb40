package pipeline

import (
	"errors"
	"time"
)

// Covered says that an alert is told to nobody, because an exception of the whitelist covers it. What
// travels is one of the latest of the alerts of one rule that one entry covered on one node, as a sample, with the
// account of all of them so far.
type Covered struct {
	Entry string    `json:"entry"` // id of the whitelist entry
	Alert string    `json:"alert"` // the sample's own uuid: what travels has one of its own each time
	Run   string    `json:"run"`   // names the process that counts: another run counts anew
	Host  string    `json:"host"`  // where that process runs
	Hits  uint64    `json:"hits"`  // of this run, of this entry and rule
	First time.Time `json:"first"` // event times
	Last  time.Time `json:"last"`
}

// Validate reports what no account can be made of.
func (c *Covered) Validate() error {
	switch {
	case c.Entry == "" || c.Run == "":
		return errors.New("covered: entry and run are required")
	case c.Hits == 0:
		return errors.New("covered: an account of no hits")
	case c.First.IsZero() || c.Last.Before(c.First):
		return errors.New("covered: first and last are required, in that order")
	}
	return nil
}
