package route

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// member is a stateful alert of a group, with the group's part of the notification log that is about it: the
// integrations which were told that it fires, and not yet that it no longer does. They are named by their topics,
// which come of the channels' addresses, so that reordering a receiver's entries repeats nothing.
type member struct {
	Alert pipeline.Alert `json:"alert"`
	Told  []string       `json:"told,omitempty"`
	Kept  string         `json:"kept,omitempty"` // why it was kept back at the latest flush: pipeline.BySilence, …

	// Since is when it came, or what kept it back was over; in groups of steps of an escalation only.
	Since time.Time `json:"since,omitzero"`

	changed bool      // not as it is in the store
	fresh   bool      // not in the store
	came    time.Time // of a fresh one: when it was posted
}

// isTold reports whether an integration knows that it fires.
func (m *member) isTold(integration string) bool { return slices.Contains(m.Told, integration) }

func (m *member) tell(integration string) {
	if !m.isTold(integration) {
		m.Told, m.changed = append(m.Told, integration), true
	}
}

// keep notes why it is kept back; "": it is not.
func (m *member) keep(why string) (news bool) {
	if m.Kept == why {
		return false
	}
	m.Kept, m.changed = why, true
	return true
}

// begin notes that its time until a step of an escalation begins at a time.
func (m *member) begin(at time.Time) {
	if !m.Since.Equal(at) {
		m.Since, m.changed = upToMicro(at), true
	}
}

// members are a group's, in the order in which they came.
type members struct {
	all []*member
	by  map[pipeline.Fingerprint]*member
}

// readMembers decodes what the store has. One that cannot be read is left out, with an error: its producer posts
// it again.
func readMembers(stored []pipeline.Member) (*members, error) {
	ms := &members{by: make(map[pipeline.Fingerprint]*member, len(stored))}
	var failed error
	for _, s := range stored {
		m := &member{}
		if err := json.Unmarshal(s.Body, m); err != nil || m.Alert.Stateful == nil {
			failed = fmt.Errorf("member %s: it cannot be read: %w", s.Fingerprint, err)
			continue
		}
		ms.put(m)
	}
	// The store gives them in whatever order it likes; messages are the same whichever it is.
	slices.SortStableFunc(ms.all, func(a, b *member) int {
		return cmp.Or(a.Alert.Stateful.StartsAt.Compare(b.Alert.Stateful.StartsAt), cmp.Compare(a.Alert.Fingerprint, b.Alert.Fingerprint))
	})
	return ms, failed
}

func (ms *members) put(m *member) {
	ms.all = append(ms.all, m)
	ms.by[m.Alert.Fingerprint] = m
}

// add merges a posted alert into what is known of it.
func (ms *members) add(a *pipeline.Alert) {
	m := ms.by[a.Fingerprint]
	if m == nil {
		ms.put(&member{Alert: *a, changed: true, fresh: true, came: a.Stateful.UpdatedAt})
		return
	}
	merged := m.Alert.Stateful.Merge(a.Stateful)
	if *merged == *m.Alert.Stateful {
		return // handed out again
	}
	if !a.Stateful.UpdatedAt.Before(m.Alert.Stateful.UpdatedAt) {
		m.Alert = *a // annotations are the newest
	}
	m.Alert.Stateful, m.changed = merged, true
}

// expired reports whether, once it is over, that is only because its producer has said nothing since.
func (m *member) expired() bool { return m.Alert.Stateful.EndsAt.After(m.Alert.Stateful.UpdatedAt) }

// stored is what the store is to keep of the member.
func (m *member) stored() (pipeline.Member, error) {
	body, err := json.Marshal(m)
	return pipeline.Member{Fingerprint: m.Alert.Fingerprint, Body: body}, err
}

// firing is the alert as it goes out while it fires: its end is not known then, whatever its producer promised.
func (m *member) firing() pipeline.Alert {
	a := m.Alert
	s := *a.Stateful
	s.EndsAt = time.Time{}
	a.Stateful = &s
	return a
}
