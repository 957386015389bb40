package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// maxSources is how many sources of a key, of either kind, are told: enough to find one that is not the alert itself
// and lasts.
const maxSources = 64

// putSources takes sources and forgets those that are over.
func (g *Groups) putSources(ctx context.Context, tx *sql.Tx, now time.Time, sources []pipeline.Source) error {
	if len(sources) == 0 {
		return nil
	}
	for _, s := range sources {
		_, err := tx.StmtContext(ctx, g.stmt.setSource).ExecContext(ctx, s.Key, int64(s.Fingerprint), s.Both, s.Ends.UnixMicro())
		if err != nil {
			return err
		}
	}
	_, err := tx.StmtContext(ctx, g.stmt.expireSources).ExecContext(ctx, now.UnixMicro())
	return err
}

// Sources returns what inhibits by these keys at now.
func (g *Groups) Sources(ctx context.Context, now time.Time, keys []string) (sources []pipeline.Source, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	err = g.s.inTx(ctx, "look for what inhibits", func(tx *sql.Tx) error {
		asked := make(map[string]bool, len(keys))
		for _, key := range keys {
			if asked[key] {
				continue
			}
			asked[key] = true
			for _, both := range []bool{false, true} {
				some, err := g.sourcesOf(ctx, tx, now, key, both)
				if err != nil {
					return err
				}
				sources = append(sources, some...)
			}
		}
		return nil
	})
	return sources, err
}

func (g *Groups) sourcesOf(ctx context.Context, tx *sql.Tx, now time.Time, key string, both bool) (sources []pipeline.Source, err error) {
	rows, err := tx.StmtContext(ctx, g.stmt.sourcesOf).QueryContext(ctx, key, both, now.UnixMicro(), maxSources)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s pipeline.Source
		var fingerprint, ends int64
		if err := rows.Scan(&s.Key, &fingerprint, &s.Both, &ends); err != nil {
			return nil, err
		}
		s.Fingerprint, s.Ends = pipeline.Fingerprint(fingerprint), time.UnixMicro(ends)
		sources = append(sources, s)
	}
	return sources, rows.Err()
}
