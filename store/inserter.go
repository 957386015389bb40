package store

import (
	"context"
	"database/sql"
	"strings"
)

// manyRows is how many rows an inserter adds with one statement.
const manyRows = 32

// inserter adds rows to a table, many with one statement. OR FAIL spares SQLite a journal of each statement: an error
// ends the transaction anyway.
type inserter struct {
	columns   int
	one, many *sql.Stmt
}

// prepare takes the statement up to VALUES.
func (in *inserter) prepare(ctx context.Context, db *sql.DB, begin string, columns int) (err error) {
	in.columns = columns
	row := " (?" + strings.Repeat(", ?", columns-1) + ")"
	if in.one, err = db.PrepareContext(ctx, begin+row); err != nil {
		return err
	}
	in.many, err = db.PrepareContext(ctx, begin+row+strings.Repeat(","+row, manyRows-1))
	return err
}

// add adds the rows whose values are in args, one behind the other.
func (in *inserter) add(ctx context.Context, tx *sql.Tx, args []any) error {
	for len(args) > 0 {
		stmt, n := in.many, manyRows*in.columns
		if len(args) < n {
			stmt, n = in.one, in.columns
		}
		if _, err := tx.StmtContext(ctx, stmt).ExecContext(ctx, args[:n]...); err != nil {
			return err
		}
		args = args[n:]
	}
	return nil
}
