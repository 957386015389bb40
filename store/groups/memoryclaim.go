package groups

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
)

// What a claim hands out: enough for many messages, little enough for memory when a group has gathered for hours. Of
// each group at least one lot is.
const (
	maxClaimAlerts = 4096    // of a group, and what its last lot has above
	maxClaimBytes  = 8 << 20 // of all groups of a Claim, as JSON
)

// never is later than anything.
const never = math.MaxInt64

// claiming is a group while it is claimed.
type claiming struct {
	*group
	pipeline.Claimed
	lots  []lot
	texts [][]byte // entries: what is known of the group, its members, and its lots, in this order
}

// Claim leases at most limit due groups to the caller, longest due first.
func (m *Memory) Claim(_ context.Context, now time.Time, limit int) ([]pipeline.Claimed, error) {
	groups, err := m.claim(now, limit)
	if err != nil {
		return nil, fmt.Errorf("claim due groups: %w", err)
	}
	claimed := make([]pipeline.Claimed, len(groups))
	for i, c := range groups {
		c.decode()
		claimed[i] = c.Claimed
	}
	return claimed, nil
}

// claim leases groups, and reads what they hold.
func (m *Memory) claim(now time.Time, limit int) ([]*claiming, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.order) == 0 || m.order[0].at > now.UnixMicro() {
		return nil, nil
	}
	row, room, until := m.begin(), maxClaimBytes, now.Add(lease).UnixMicro()
	var groups []*claiming
	for len(groups) < limit && len(m.order) > 0 && m.order[0].at <= now.UnixMicro() {
		c := m.choose(m.order.first(), &room)
		groups = append(groups, c)
		s := c.status
		s.at, s.token, s.wish, s.more = until, m.token, 0, c.More
		row = appendTimes(row, c.id, &s)
	}
	for _, c := range groups { // until the row is written they are as they were
		m.order.fix(c.group)
	}
	defer m.keep(row)
	token := m.token
	if err := m.write(row); err != nil {
		return nil, err
	}
	m.token = token + 1 // each claim has its own: a group that is claimed again is not to be settled by the first
	for _, c := range groups {
		c.Token = strconv.FormatInt(token, 10)
		m.read(c)
	}
	return groups, nil
}

// choose says what of a group is handed out.
func (m *Memory) choose(g *group, room *int) *claiming {
	c := &claiming{group: g, Claimed: pipeline.Claimed{
		Route: g.way.route, Receiver: g.way.receiver, Due: time.UnixMicro(g.due), Retaken: g.token != 0,
	}}
	alerts := 0
	for _, l := range g.inbox {
		if len(c.lots) > 0 && (alerts >= maxClaimAlerts || *room <= 0) {
			c.More = true
			break
		}
		c.lots = append(c.lots, l)
		c.Upto = l.mark
		alerts += l.alerts
		*room -= int(l.size)
	}
	return c
}

// read gets what a group holds from the journal. It needs m.mu: what is read must not be moved meanwhile.
func (m *Memory) read(c *claiming) {
	var pieces []piece
	if m := c.meaning; m != nil {
		c.Key, c.Labels = m.key, m.labels
	} else {
		pieces = append(pieces, c.meta)
	}
	if c.state.size > 0 {
		pieces = append(pieces, c.state)
	}
	for _, p := range c.group.members {
		pieces = append(pieces, p)
	}
	for len(c.lots) > 0 && len(c.lots[0].held) > 0 {
		c.Alerts = append(c.Alerts, c.lots[0].held...)
		c.lots = c.lots[1:]
	}
	for _, l := range c.lots {
		pieces = append(pieces, l.piece)
	}
	size := 0
	for _, p := range pieces {
		size += int(p.size)
	}
	all := make([]byte, 0, size)
	for _, p := range pieces {
		begin := len(all)
		var err error
		if all, err = m.journal.Part(all, p.row, int(p.off), int(p.size)); err != nil {
			c.Damaged = errors.Join(c.Damaged, err)
			continue
		}
		c.texts = append(c.texts, all[begin:])
	}
}

// decode makes of entries what they say.
func (c *claiming) decode() {
	for _, text := range c.texts {
		err := eachEntry(text, func(e *entry) (err error) {
			switch e.kind {
			case entryMeta:
				c.Key = string(e.key)
				c.Labels, err = alertjson.ReadPairs(e.text)
			case entryState:
				c.State = e.text
			case entryMember:
				c.Members = append(c.Members, pipeline.Member{Fingerprint: e.fingerprint, Body: e.text})
			case entryLot:
				var alerts []pipeline.Alert
				alerts, err = alertjson.ReadAll(e.text)
				c.Alerts = append(c.Alerts, alerts...)
			}
			return err
		})
		if err != nil { // one group's misfortune must not stop all others
			c.Damaged = errors.Join(c.Damaged, err)
		}
	}
}
