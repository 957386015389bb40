package store

import (
	"context"
	"database/sql"
	"fmt"
)

// LimitPages bounds the file, as a full disk would.
func (s *Store) LimitPages(ctx context.Context, n int) error {
	_, err := s.db.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", n))
	return err
}

// InTx is inTx.
func (s *Store) InTx(ctx context.Context, f func(*sql.Tx) error) error { return s.inTx(ctx, "test", f) }
