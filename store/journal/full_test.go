package journal

import (
	"os"
	"testing"
)

// On a full disk nothing of a row is kept, and what comes when there is room again is.
func TestFullDisk(t *testing.T) {
	cfg := Config{Dir: t.TempDir()}
	j, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	add := func(text string) error {
		number, err := j.Append([]byte(text))
		if err == nil {
			j.Take(number, 1)
		}
		return err
	}
	if err := add("first"); err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0) // every write to it fails as on a full disk
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	seg := j.segments[0]
	disk := seg.file
	seg.file = full
	if err := add("second"); err == nil {
		t.Error("Append on a full disk succeeded")
	}
	seg.file = disk
	if err := add("third"); err != nil {
		t.Errorf("Append when there is room again: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if j, err = Open(cfg); err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	var rows []string
	if err := j.Each(func(_ int64, text []byte) { rows = append(rows, string(text)) }); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || rows[1] != "third" {
		t.Errorf("rows are %q, want the first and the third", rows)
	}
}
