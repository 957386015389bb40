package store

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Documents keeps documents of one kind in the file. Open each kind once: Version counts what this value
// did. It is safe for concurrent use.
type Documents struct {
	s       *Store
	kind    string
	limit   int
	version *atomic.Int64
}

var _ pipeline.Documents = Documents{}

// Documents returns those of a kind, of which the file keeps at most limit, a lower one than before from the next
// new document on.
func (s *Store) Documents(kind string, limit int) Documents {
	return Documents{s, kind, limit, new(atomic.Int64)}
}

// Version changes whenever a document does: what was read before need not be read again.
func (d Documents) Version(context.Context) (int64, error) { return d.version.Load(), nil }

// Put keeps documents, all or none.
func (d Documents) Put(ctx context.Context, docs ...pipeline.Document) error {
	for _, doc := range docs {
		if err := doc.Validate(); err != nil {
			return err
		}
	}
	if len(docs) == 0 {
		return nil
	}
	defer d.version.Add(1)
	return d.s.inTx(ctx, "keep "+d.kind, func(tx *sql.Tx) error {
		more := false
		for _, doc := range docs {
			var known bool
			row := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM documents WHERE kind = ? AND key = ?)", d.kind, doc.Key)
			if err := row.Scan(&known); err != nil {
				return err
			}
			more = more || !known
			_, err := tx.ExecContext(ctx, `INSERT INTO documents (kind, key, at, body) VALUES (?, ?, ?, ?)
				ON CONFLICT (kind, key) DO UPDATE SET at = excluded.at, body = excluded.body WHERE excluded.at >= at`,
				d.kind, doc.Key, doc.At.UnixMicro(), notNil(doc.Body))
			if err != nil {
				return err
			}
		}
		if !more {
			return nil // and spare the walk over all of them
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM documents WHERE id IN (
			SELECT id FROM documents WHERE kind = ? ORDER BY at DESC, key DESC LIMIT -1 OFFSET ?)`, d.kind, d.limit)
		return err
	})
}

// notNil is for an empty body: nil would be NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Get returns those of the keys that there are, in the order of the keys.
func (d Documents) Get(ctx context.Context, keys ...string) (docs []pipeline.Document, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	err = d.s.inTx(ctx, "read "+d.kind, func(tx *sql.Tx) error {
		stmt, err := tx.PrepareContext(ctx, "SELECT at, body FROM documents WHERE kind = ? AND key = ?")
		if err != nil {
			return err
		}
		defer stmt.Close() // ends with the transaction anyway
		for _, key := range keys {
			var at int64
			doc := pipeline.Document{Key: key}
			err := stmt.QueryRowContext(ctx, d.kind, key).Scan(&at, &doc.Body)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			doc.At = time.UnixMicro(at).UTC()
			docs = append(docs, doc)
		}
		return nil
	})
	return docs, err
}

// All returns everything, the latest first.
func (d Documents) All(ctx context.Context) (docs []pipeline.Document, err error) {
	doing := "read " + d.kind
	rows, err := d.s.db.QueryContext(ctx, "SELECT key, at, body FROM documents WHERE kind = ? ORDER BY at DESC, key DESC", d.kind)
	if err != nil {
		return nil, d.s.explain(doing, err)
	}
	defer rows.Close()
	for rows.Next() {
		var doc pipeline.Document
		var at int64
		if err := rows.Scan(&doc.Key, &at, &doc.Body); err != nil {
			return nil, d.s.explain(doing, err)
		}
		doc.At = time.UnixMicro(at).UTC()
		docs = append(docs, doc)
	}
	return docs, d.s.explain(doing, rows.Err())
}

// Remove forgets documents, all or none.
func (d Documents) Remove(ctx context.Context, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	defer d.version.Add(1)
	return d.s.inTx(ctx, "forget "+d.kind, func(tx *sql.Tx) error {
		for _, key := range keys {
			if _, err := tx.ExecContext(ctx, "DELETE FROM documents WHERE kind = ? AND key = ?", d.kind, key); err != nil {
				return err
			}
		}
		return nil
	})
}
