package pipeline

import "time"

// WhitelistUsage is the account of a whitelist: its entries, and what they kept quiet on all nodes, over
// restarts. GET /api/v1/whitelist answers with it.
type WhitelistUsage struct {
	At      time.Time    `json:"at"`      // when it was taken
	Entries []EntryUsage `json:"entries"` // in the order of the files; then those that are gone, by id
}

// EntryUsage is one entry, and its account.
type EntryUsage struct {
	ID       string     `json:"id"`
	Reason   string     `json:"reason,omitempty"`
	Owner    string     `json:"owner,omitempty"`
	Approver string     `json:"approver,omitempty"`
	Place    string     `json:"place,omitempty"` // file:line:col
	Expires  time.Time  `json:"expires,omitzero"`
	State    EntryState `json:"state"`
	Problem  string     `json:"problem,omitempty"` // why it is refused, or what is doubtful about it
	Broad    string     `json:"broad,omitempty"`   // why it is too broad; empty: it is not

	Since time.Time   `json:"since,omitzero"` // from then on its hits are in the account
	Hits  uint64      `json:"hits"`
	First time.Time   `json:"first,omitzero"` // event times of the first and last hit; zero: none
	Last  time.Time   `json:"last,omitzero"`
	Rules []RuleUsage `json:"rules"` // those it kept quiet, by name
}

// RuleUsage is what one entry kept quiet of one rule.
type RuleUsage struct {
	Rule   string    `json:"rule"`
	Hits   uint64    `json:"hits"`
	First  time.Time `json:"first,omitzero"`
	Last   time.Time `json:"last,omitzero"`
	Hosts  []string  `json:"hosts"`            // where, sorted
	Sample *Alert    `json:"sample,omitempty"` // one of the latest alerts that nobody was told
}

// EntryState is what an entry does at a time.
type EntryState string

// States of an entry.
const (
	EntryActive  EntryState = "active"
	EntryOff     EntryState = "off"     // outside its schedule
	EntryExpired EntryState = "expired" // no longer applies
	EntryRefused EntryState = "refused" // not as the policy of the whitelist demands: never applies
	EntryGone    EntryState = "gone"    // not in the whitelist any more, only in the account
)
