package pipeline

import "time"

// Inbox is what a batch brings to one group.
type Inbox struct {
	Key      string            // says which groups are the same: receiver, route, group labels
	Route    string            // the route's id, by which its settings are found in the tree of the day
	Receiver string            // receiver's name
	Labels   map[string]string // the group labels
	Wait     time.Duration     // what alerts gather for: the group is due so long after now, unless sooner already
	AtOnce   bool              // due now, if the batch makes the group: its first alert has waited enough on its way here
	IfThere  bool              // the alerts complete others: without the group they are of no use
	Alerts   []Alert           // in the order of arrival
}

// Member is a stateful alert that a group holds from one flush to the next.
type Member struct {
	Fingerprint Fingerprint
	Body        []byte // package route's business
}

// Claimed is a due group that is its caller's until the lease runs out: nobody else gets it before.
type Claimed struct {
	Key      string
	Route    string
	Receiver string
	Labels   map[string]string
	Due      time.Time // when it was due
	Token    string    // proves the claim to Settle
	Retaken  bool      // an earlier claim of it was not settled: what it was to send may have been sent
	State    []byte    // package route's business; nil in a new group
	Members  []Member  // all of the group's
	Alerts   []Alert   // of the inbox, the oldest first; a bounded number
	Upto     int64     // mark of the last of Alerts
	More     bool      // the inbox holds more than was read
	Damaged  error     // what of the group could not be read; all else of it is here
}

// Settled is what became of a Claimed group.
type Settled struct {
	Key, Token string
	Upto       int64         // the inbox is emptied up to this mark; 0: nothing of it is
	State      []byte        // the new state
	Set        []Member      // new and changed members
	Remove     []Fingerprint // members that are gone
	Ready      time.Time     // alerts that come are not told before; see Groups.Put
	Due        time.Time     // when to claim it again even if nothing comes; it is due at once where More was set
	Holds      bool          // it keeps something back: Wake makes it due
	Gone       bool          // it has nothing to keep: it is removed with its members, unless its inbox holds something
}

// Source is an alert that inhibits others while it lasts.
type Source struct {
	Key         string // rule and values of its equal labels: what it inhibits asks by this
	Fingerprint Fingerprint
	Ends        time.Time // it does not inhibit from then on
	Both        bool      // it matches the rule's target side too, and inhibits only those that do not match its source side
}
