package store

import (
	"context"
	"database/sql"
)

// Repeats is the journal of repeats: rows that package repeats writes and reads.
type Repeats struct{ s *Store }

// Repeats returns the journal of repeats.
func (s *Store) Repeats() Repeats { return Repeats{s} }

// repeatsStatements are prepared once, as those of groups.
type repeatsStatements struct{ insert, remove, read *sql.Stmt }

func (r *repeatsStatements) prepare(ctx context.Context, db *sql.DB) (err error) {
	if r.insert, err = db.PrepareContext(ctx, "INSERT INTO repeats (row) VALUES (?)"); err != nil {
		return err
	}
	if r.remove, err = db.PrepareContext(ctx, "DELETE FROM repeats WHERE number = ?"); err != nil {
		return err
	}
	r.read, err = db.PrepareContext(ctx, "SELECT row FROM repeats WHERE number = ?")
	return err
}

// Append adds a row, removes others, and returns the new row's number, which is larger than all before.
func (r Repeats) Append(ctx context.Context, row []byte, remove []int64) (number int64, err error) {
	err = r.s.inTx(ctx, "store repeats", func(tx *sql.Tx) error {
		added, err := tx.StmtContext(ctx, r.s.repeats.insert).ExecContext(ctx, row)
		if err != nil {
			return err
		}
		if number, err = added.LastInsertId(); err != nil {
			return err
		}
		for _, n := range remove {
			if _, err := tx.StmtContext(ctx, r.s.repeats.remove).ExecContext(ctx, n); err != nil {
				return err
			}
		}
		return nil
	})
	return number, err
}

// Each calls f with every row, in the order in which they were added. The row is f's until it returns.
func (r Repeats) Each(ctx context.Context, f func(number int64, row []byte)) error {
	const doing = "read repeats"
	rows, err := r.s.db.QueryContext(ctx, "SELECT number, row FROM repeats ORDER BY number")
	if err != nil {
		return r.s.explain(doing, err)
	}
	defer rows.Close()
	for rows.Next() {
		var number int64
		var row sql.RawBytes
		if err := rows.Scan(&number, &row); err != nil {
			return r.s.explain(doing, err)
		}
		f(number, row)
	}
	return r.s.explain(doing, rows.Err())
}

// Row returns one row.
func (r Repeats) Row(ctx context.Context, number int64) (row []byte, err error) {
	err = r.s.repeats.read.QueryRowContext(ctx, number).Scan(&row)
	return row, r.s.explain("read repeats", err)
}
