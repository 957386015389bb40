package pipeline

import "time"

// Group is a set of alerts that share a route and its group labels, and so go out together.
type Group struct {
	Key      string            // receiver, route and group labels; says which groups are the same
	Receiver string            // receiver's name
	Labels   map[string]string // the group labels
	Interval time.Duration     // between two notifications of the group
	Due      time.Time         // when it is next looked at
	Told     bool              // a notification has gone out since the group came to be
}

// Pending is a Group with alerts that wait for its next notification.
type Pending struct {
	Group
	Alerts []Alert // in the order of arrival
	Upto   int64   // the store's mark of the last of Alerts
	More   bool    // the store holds further alerts of this group than were read
}
