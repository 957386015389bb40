package groups

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
	"github.com/tocsin-security/tocsin/store/shared"
)

// What Claim reads: enough for many messages, little enough for memory when a group has gathered for hours. Of each
// group at least one row is read.
const (
	maxRows   = 64      // of a group
	maxAlerts = 4096    // of a group, and what its last row has above
	maxInbox  = 8 << 20 // bytes of all groups of a Claim
	scan      = 200     // members in a request, about
)

// taken is what take.lua answers with.
type taken struct {
	pipeline.Claimed
	base    int64 // mark of what is before the inbox
	rows    []any
	length  int // rows in the inbox
	members []any
	count   int // members there are
}

func takenOf(reply any) (*taken, error) {
	list, _ := reply.([]any)
	if len(list) != 12 {
		return nil, fmt.Errorf("redis answered %.80v to a claim of groups", reply)
	}
	var texts [8]string
	for i := range texts {
		texts[i], _ = list[i].(string)
	}
	due, err := strconv.ParseInt(texts[4], 10, 64)
	base, baseErr := strconv.ParseInt(texts[7], 10, 64)
	if err != nil || baseErr != nil {
		return nil, fmt.Errorf("group %s in redis is damaged: due %q, base %q", texts[0], texts[4], texts[7])
	}
	t := &taken{base: base, Claimed: pipeline.Claimed{
		Key: texts[0], Route: texts[1], Receiver: texts[2], Due: time.UnixMicro(due), Retaken: texts[5] == "1",
	}}
	if texts[6] != "" {
		t.State = []byte(texts[6])
	}
	if err := json.Unmarshal([]byte(texts[3]), &t.Labels); err != nil {
		t.Damaged = fmt.Errorf("its labels: %w", err)
	}
	length, _ := list[8].(int64)
	count, _ := list[9].(int64)
	t.length, t.count = int(length), int(count)
	t.rows, _ = list[10].([]any)
	t.members, _ = list[11].([]any)
	return t, nil
}

// readAll reads the rest of what a group holds. Nobody else changes it: what comes meanwhile comes behind.
func (g *Shared) readAll(ctx context.Context, n names, t *taken, room *int) error {
	read := 0
	for {
		for _, row := range t.rows {
			if read > 0 && (len(t.Alerts) >= maxAlerts || *room <= 0) {
				break
			}
			text, _ := row.(string)
			alerts, err := alertjson.ReadAll([]byte(text))
			if err != nil { // one group's misfortune must not stop others
				t.Damaged = errors.Join(t.Damaged, fmt.Errorf("row %d of its inbox: %w", t.base+int64(read)+1, err))
			}
			t.Alerts = append(t.Alerts, alerts...)
			*room -= len(text)
			read++
		}
		if left := min(t.length, maxRows) - read; left <= 0 || len(t.Alerts) >= maxAlerts || *room <= 0 {
			break
		}
		replies, err := g.store.Run(ctx, rowsScript, []shared.Call{{Keys: []string{n.inbox()}, Args: []any{read, maxRows - read, maxBytes}}})
		if err != nil {
			return err
		}
		if t.rows, _ = replies[0].([]any); len(t.rows) == 0 {
			return fmt.Errorf("the inbox in redis has %d rows and gives none after %d", t.length, read)
		}
	}
	if read > 0 {
		t.Upto = t.base + int64(read)
	}
	if t.More = read < t.length; t.More {
		t.Token += moreMark
	}
	return g.readMembers(ctx, n, t)
}

func (g *Shared) readMembers(ctx context.Context, n names, t *taken) error {
	bodies := make(map[string]string, t.count)
	add := func(list []any) {
		for i := 0; i+1 < len(list); i += 2 {
			fingerprint, _ := list[i].(string)
			bodies[fingerprint], _ = list[i+1].(string)
		}
	}
	add(t.members)
	for cursor := "0"; len(bodies) < t.count; {
		replies, err := g.store.Run(ctx, membersScript, []shared.Call{{Keys: []string{n.members()}, Args: []any{cursor, scan}}})
		if err != nil {
			return err
		}
		page, _ := replies[0].([]any)
		if len(page) != 2 {
			return fmt.Errorf("redis answered %.80v to a question for members", replies[0])
		}
		list, _ := page[1].([]any)
		add(list)
		if cursor, _ = page[0].(string); cursor == "0" {
			break
		}
	}
	for fingerprint, body := range bodies {
		m := pipeline.Member{Body: []byte(body)}
		if err := m.Fingerprint.UnmarshalText([]byte(fingerprint)); err != nil {
			return fmt.Errorf("a member in redis is named %.40q: %w", fingerprint, err)
		}
		t.Members = append(t.Members, m)
	}
	return nil
}
