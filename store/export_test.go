package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// LimitPages bounds the file, as a full disk would.
func (s *Store) LimitPages(ctx context.Context, n int) error {
	_, err := s.db.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", n))
	return err
}

// EmptyGroups removes all groups and sources.
func (s *Store) EmptyGroups(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, "DELETE FROM route_groups; DELETE FROM inbox; DELETE FROM members; DELETE FROM sources")
	return err
}

// SchemaThree makes the tables as they were before groups could be claimed.
func SchemaThree() string { return strings.Join(migrations[:3], "\n") + "PRAGMA user_version = 3;" }

// DamageInboxes makes what waits unreadable.
func (s *Store) DamageInboxes(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, "UPDATE inbox SET alerts = substr(alerts, 2); UPDATE route_groups SET labels = substr(labels, 2)")
	return err
}

// InTx is inTx.
func (s *Store) InTx(ctx context.Context, f func(*sql.Tx) error) error { return s.inTx(ctx, "test", f) }
