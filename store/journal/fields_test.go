package journal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/tocsin-security/tocsin/store/journal"
)

// Fields are read as they were written; a row that is cut anywhere says so, and reads zeros from there on.
func TestFields(t *testing.T) {
	row := binary.AppendUvarint(nil, 1<<40)
	row = binary.AppendVarint(row, -3)
	row = journal.AppendText(journal.AppendText(append(row, 7), "text"), []byte{})
	read := func(row []byte) (f journal.Fields, u uint64, i int64, b byte, text, empty string) {
		f.Rest = row
		u, i, b, text, empty = f.Uint(), f.Int(), f.Byte(), string(f.Text()), string(f.Text())
		return f, u, i, b, text, empty
	}
	if f, u, i, b, text, empty := read(row); f.Err != nil || len(f.Rest) != 0 || u != 1<<40 || i != -3 || b != 7 || text != "text" || empty != "" {
		t.Errorf("read %d %d %d %q %q, %v", u, i, b, text, empty, f.Err)
	}
	for n := range row {
		f, _, _, _, text, _ := read(row[:n])
		if !errors.Is(f.Err, journal.ErrCut) || text != "" && text != "text" {
			t.Errorf("cut after %d bytes: %q, %v", n, text, f.Err)
		}
		if f.Uint() != 0 || f.Int() != 0 || f.Byte() != 0 || f.Text() != nil {
			t.Errorf("cut after %d bytes: something is read behind it", n)
		}
	}
	if f := (journal.Fields{Rest: binary.AppendUvarint(nil, 1<<63)}); f.Text() != nil || f.Err == nil {
		t.Error("a text longer than all there is was read")
	}
}

// A text that is written in place reads like one that was appended, whatever its length.
func TestTextInPlace(t *testing.T) {
	for _, size := range []int{0, 1, 127, 128, 20_000, 3 << 20} {
		text := bytes.Repeat([]byte{'x'}, size)
		row := []byte("before")
		begin := len(row)
		row = append(journal.BeginText(row), text...)
		journal.EndText(row, begin)
		f := journal.Fields{Rest: append(row, 7)[len("before"):]}
		if got := f.Text(); !bytes.Equal(got, text) || f.Byte() != 7 || f.Err != nil {
			t.Errorf("a text of %d bytes is read as one of %d, %v", size, len(got), f.Err)
		}
	}
}
