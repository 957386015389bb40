package pipeline

import (
	"context"
	"time"
)

// Notification is a group of alerts on its way to one integration of one receiver.
type Notification struct {
	ID          string            `json:"id"`          // delivery id: the same on every attempt
	Receiver    string            `json:"receiver"`    // receiver's name
	Integration string            `json:"integration"` // kind and identity, e.g. wecom-1f3a9c2b; see Integration
	GroupKey    string            `json:"group_key"`
	GroupLabels map[string]string `json:"group_labels"`
	RouteLabels map[string]string `json:"route_labels,omitempty"`
	Reason      string            `json:"reason"`          // "first notification", "new alerts added", "summary" of quiet times that are over
	Held        []Held            `json:"held,omitempty"`  // what was kept back, and no longer is
	Again       bool              `json:"again,omitempty"` // it may have been sent before: nobody learned what came of that
	Via         string            `json:"via,omitempty"`   // whom it was for and why it is here: it came to a fallback
	Attempt     int               `json:"-"`               // of delivering it, from 1; 0: not under way
	Alerts      []Alert           `json:"alerts"`
	CreatedAt   time.Time         `json:"created_at"`
}

// Message is a Notification rendered for one kind of channel.
type Message struct {
	ID       string // delivery id: the same on every attempt
	Receiver string
	GroupKey string // of the notification; what belongs together has the same
	Kind     string // wecom, dingtalk, feishu, email, webhook, stdout
	Title    string // plain text, one line: mail subject, push preview
	Body     string // text in the channel's markup; mail: the plain part
	HTML     string // mail only
	Links    []Link // what can be done about the one alert it tells of; none of several
	More     string // what stands at the end of a text that is cut
	Payload  []byte // webhook only: the JSON body
	Again    bool   // it may have been sent before; Title, Body and HTML say so already
	Attempt  int    // at delivering it, from 1
	Alerts   []Alert
	Worst    Priority // most severe of Alerts; of summaries only when there is nothing else

	// Mentions are whom it calls, beside those whom the receiver's configuration names.
	Mentions []Person
}

// Over reports that nothing of what m tells of goes on: all of it is resolved.
func (m *Message) Over() bool {
	for i := range m.Alerts {
		if s := m.Alerts[i].Stateful; s == nil || s.EndsAt.IsZero() {
			return false
		}
	}
	return len(m.Alerts) > 0
}

// Link is a page that a message leads to.
type Link struct{ Title, URL string }

// Notifier delivers messages over one channel. It is safe for concurrent use.
type Notifier interface {
	// Notify delivers m. nil means that the channel said it took the message; any other outcome is a
	// *DeliveryError saying what to do next, or a *MissedError saying that there is nothing to do, and never holds a secret.
	Notify(ctx context.Context, m Message) error
}
