package history

import (
	"context"
	"database/sql"
	"strings"
)

// sizes are for how many rows there are statements: a statement for many costs a third of as many for one.
var sizes = [...]int{64, 8, 1}

// many is one statement for several rows at a time.
type many struct {
	width int // parameters of a row
	stmts [len(sizes)]*sql.Stmt
}

// prepare makes the statements of text, in which $ROWS stands for the rows, each in brackets.
func (m *many) prepare(ctx context.Context, db *sql.DB, text string, width int) error {
	m.width = width
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", width), ",") + ")"
	for i, n := range sizes {
		stmt, err := db.PrepareContext(ctx, strings.Replace(text, "$ROWS", strings.TrimSuffix(strings.Repeat(row+",", n), ","), 1))
		if err != nil {
			return err
		}
		m.stmts[i] = stmt // closed with the database
	}
	return nil
}

// each calls f with a statement and the parameters for it until all are through.
func (m *many) each(params []any, f func(stmt *sql.Stmt, params []any) error) error {
	for i, n := range sizes {
		for n *= m.width; len(params) >= n; params = params[n:] {
			if err := f(m.stmts[i], params[:n]); err != nil {
				return err
			}
		}
	}
	return nil
}

// exec runs the statement for all rows.
func (m *many) exec(ctx context.Context, tx *sql.Tx, params []any) error {
	return m.each(params, func(stmt *sql.Stmt, params []any) error {
		_, err := tx.StmtContext(ctx, stmt).ExecContext(ctx, params...)
		return err
	})
}
