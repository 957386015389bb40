package store

import (
	"context"
	"fmt"
)

// LimitPages bounds the file, as a full disk would.
func (s *Store) LimitPages(ctx context.Context, n int) error {
	_, err := s.db.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", n))
	return err
}
