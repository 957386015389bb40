package history

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/journal"
)

// blockFrom is how many steps that are written together make a block at least. A row of an index for each subject costs
// ten times as much; but a question has to look at every block, so few steps make none.
const blockFrom = 128

// A block is steps about several subjects. Its subjects are the lower 32 bits of each, little-endian, so that a question
// passes over it without unpacking it; its text, packed, is each subject in 8 bytes, little-endian, and its steps behind
// their length, as JSON, one after the other.
type block struct{ subjects, text []byte }

// appendBlock puts steps into a block, in the memory of another.
func appendBlock(b block, lines []line) (block, error) {
	b.subjects, b.text = b.subjects[:0], b.text[:0]
	err := eachSubject(lines, func(subject uint64, _ string, steps []byte) {
		b.subjects = binary.LittleEndian.AppendUint32(b.subjects, uint32(subject))
		b.text = journal.AppendText(binary.LittleEndian.AppendUint64(b.text, subject), steps)
	})
	return b, err
}

// mayHave reports whether one of a block's subjects may be subject.
func mayHave(subjects []byte, subject uint64) bool {
	for ; len(subjects) >= 4; subjects = subjects[4:] {
		if binary.LittleEndian.Uint32(subjects) == uint32(subject) {
			return true
		}
	}
	return false
}

var errBlock = errors.New("a block of steps cannot be read")

// stepsIn are the steps about a subject in a block.
func stepsIn(packed []byte, subject uint64) ([]pipeline.Step, error) {
	text, err := s2.Decode(nil, packed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBlock, err)
	}
	for f := (journal.Fields{Rest: text}); len(f.Rest) > 0; {
		of := f.Bytes(8)
		steps := f.Text()
		if f.Err != nil {
			return nil, fmt.Errorf("%w: %w", errBlock, f.Err)
		}
		if binary.LittleEndian.Uint64(of) == subject {
			return readSteps(steps)
		}
	}
	return nil, nil
}

// noteBlock writes steps as one row.
func (f *file) noteBlock(ctx context.Context, tx *sql.Tx, lines []line) (err error) {
	if f.block, err = appendBlock(f.block, lines); err != nil {
		return err
	}
	f.packed = s2.Encode(f.packed[:cap(f.packed)], f.block.text)
	_, err = tx.ExecContext(ctx, "INSERT OR FAIL INTO stepblocks (id, subjects, steps) VALUES (?, ?, ?)",
		f.newID(time.Now()), f.block.subjects, f.packed)
	return err
}

// stepRow is what a row has about a subject.
type stepRow struct {
	id    int64
	steps []pipeline.Step
}

// blockRows are the latest rows that are blocks, as many as have so many steps about subject, the latest first.
func (f *file) blockRows(ctx context.Context, subject uint64, limit int) (rows []stepRow, err error) {
	var ids []int64
	err = f.query(ctx, func(found *sql.Rows) error {
		var id int64
		var subjects sql.RawBytes
		err := found.Scan(&id, &subjects)
		if err == nil && mayHave(subjects, subject) {
			ids = append(ids, id)
		}
		return err
	}, "SELECT id, subjects FROM stepblocks ORDER BY id DESC")
	for steps := 0; err == nil && len(ids) > 0 && steps < limit; ids = ids[1:] {
		err = f.query(ctx, func(found *sql.Rows) error { // none: it has gone meanwhile
			var packed sql.RawBytes
			if err := found.Scan(&packed); err != nil {
				return err
			}
			some, err := stepsIn(packed, subject)
			rows, steps = append(rows, stepRow{ids[0], some}), steps+len(some)
			return err
		}, "SELECT steps FROM stepblocks WHERE id = ?", ids[0])
	}
	return rows, err
}

// latestSteps are the last of those that rows have, the earliest first.
func latestSteps(rows []stepRow, limit int) (steps []pipeline.Step) {
	slices.SortFunc(rows, func(a, b stepRow) int { return int(a.id - b.id) })
	for _, r := range rows {
		steps = append(steps, r.steps...)
	}
	return steps[max(0, len(steps)-limit):]
}
