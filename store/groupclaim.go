package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
)

// What Claim reads of inboxes: enough for many messages, little enough for memory when a group has gathered for
// hours. Of each group at least one row is read.
const (
	maxInboxRows   = 64      // of a group
	maxInboxAlerts = 4096    // of a group, and what its last row has above
	maxInboxBytes  = 8 << 20 // of all groups of a Claim, as JSON
)

// claiming is a group while it is read.
type claiming struct {
	pipeline.Claimed
	id int64
}

// Claim leases at most limit due groups to the caller, longest due first.
func (g *Groups) Claim(ctx context.Context, now time.Time, limit int) (claimed []pipeline.Claimed, err error) {
	err = g.s.inTx(ctx, "claim due groups", func(tx *sql.Tx) error {
		token := g.token
		rows, err := tx.StmtContext(ctx, g.stmt.look).QueryContext(ctx, now.UnixMicro(), limit)
		if err != nil {
			return err
		}
		groups, err := scanClaims(rows)
		if err != nil || len(groups) == 0 {
			return err
		}
		g.token++ // each claim has its own: a group that is claimed again is not to be settled by the first
		if err := g.fill(ctx, tx, groups, now.Add(lease), token); err != nil {
			return err
		}
		claimed = make([]pipeline.Claimed, len(groups))
		for i, c := range groups {
			c.Token = strconv.FormatInt(token, 10)
			claimed[i] = c.Claimed
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

func scanClaims(rows *sql.Rows) (groups []*claiming, err error) {
	defer rows.Close()
	for rows.Next() {
		var c claiming
		var due int64
		var labels sql.RawBytes
		if err := rows.Scan(&c.id, &c.Key, &c.Route, &c.Receiver, &labels, &due, &c.State, &c.Retaken); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(labels, &c.Labels); err != nil {
			c.Damaged = fmt.Errorf("its labels: %w", err)
		}
		c.Due = time.UnixMicro(due)
		groups = append(groups, &c)
	}
	return groups, rows.Err()
}

// fill leases the groups and reads what they hold, and notes of which there is more.
func (g *Groups) fill(ctx context.Context, tx *sql.Tx, groups []*claiming, until time.Time, token int64) error {
	ids := make([]int64, len(groups))
	byID := make(map[int64]*claiming, len(groups))
	for i, c := range groups {
		ids[i], byID[c.id] = c.id, c
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	if _, err := tx.StmtContext(ctx, g.stmt.claim).ExecContext(ctx, until.UnixMicro(), token, string(list)); err != nil {
		return err
	}
	if err := g.readMembers(ctx, tx, string(list), byID); err != nil {
		return err
	}
	if err := g.readInboxes(ctx, tx, string(list), byID); err != nil {
		return err
	}
	for _, c := range groups {
		if !c.More {
			continue
		}
		if _, err := tx.StmtContext(ctx, g.stmt.noteMore).ExecContext(ctx, c.id); err != nil {
			return err
		}
	}
	return nil
}

func (g *Groups) readMembers(ctx context.Context, tx *sql.Tx, ids string, groups map[int64]*claiming) error {
	rows, err := tx.StmtContext(ctx, g.stmt.members).QueryContext(ctx, ids)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, fingerprint int64
		var m pipeline.Member
		if err := rows.Scan(&id, &fingerprint, &m.Body); err != nil {
			return err
		}
		m.Fingerprint = pipeline.Fingerprint(fingerprint)
		groups[id].Members = append(groups[id].Members, m)
	}
	return rows.Err()
}

// readInboxes looks how long rows are before it reads any.
func (g *Groups) readInboxes(ctx context.Context, tx *sql.Tx, ids string, groups map[int64]*claiming) error {
	list, err := g.chooseRows(ctx, tx, ids, groups)
	if err != nil {
		return err
	}
	rows, err := tx.StmtContext(ctx, g.stmt.read).QueryContext(ctx, list)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, mark int64
		var blob sql.RawBytes
		if err := rows.Scan(&id, &mark, &blob); err != nil {
			return err
		}
		c := groups[id]
		if len(c.Alerts) >= maxInboxAlerts {
			c.More = true
			continue
		}
		alerts, err := alertjson.ReadAll(blob)
		if err != nil { // one group's misfortune must not stop all others
			c.Damaged = errors.Join(c.Damaged, fmt.Errorf("row %d of its inbox: %w", mark, err))
		}
		c.Alerts, c.Upto = append(c.Alerts, alerts...), mark
	}
	return rows.Err()
}

// chooseRows returns the ids of the rows to read, as JSON.
func (g *Groups) chooseRows(ctx context.Context, tx *sql.Tx, ids string, groups map[int64]*claiming) (string, error) {
	rows, err := tx.StmtContext(ctx, g.stmt.list).QueryContext(ctx, ids, maxInboxRows+1)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	room := maxInboxBytes
	chosen := []int64{}
	count := map[int64]int{} // of each group
	for rows.Next() {
		var id, row int64
		var length int
		if err := rows.Scan(&id, &row, &length); err != nil {
			return "", err
		}
		c := groups[id]
		if n := count[id]; c.More || n == maxInboxRows || n > 0 && room <= 0 {
			c.More = true
			continue
		}
		count[id]++
		room -= length
		chosen = append(chosen, row)
	}
	if err := rows.Err(); err != nil {
		return "", err
	}
	list, err := json.Marshal(chosen)
	return string(list), err
}
