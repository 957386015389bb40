package journal_test

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/tocsin-security/tocsin/store/journal"
)

// sizeOf is how many bytes the files of a journal have.
func sizeOf(t *testing.T, dir string) (size int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.rows"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	return size
}

// Long rows take little room where they repeat themselves, and are what they were: whole, in parts, and after a restart.
func TestLongRows(t *testing.T) {
	noise := make([]byte, 100_000)
	_, _ = rand.Read(noise) // it does not fail
	rows := [][]byte{
		bytes.Repeat([]byte("alike "), 50_000), noise, []byte("short"), bytes.Repeat([]byte("0123456789abcdef"), 1000),
		append(bytes.Repeat([]byte("long "), 1<<20), noise...), {}, bytes.Repeat([]byte("x"), 8<<10), bytes.Repeat([]byte("x"), 8<<10-1),
	}
	dir := t.TempDir()
	j, err := journal.Open(journal.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		number, err := j.Append(row)
		if err != nil || number != int64(i+1) {
			t.Fatalf("Append = %d, %v", number, err)
		}
		j.Take(number, 1)
	}
	if size := sizeOf(t, dir); size > 600_000 {
		t.Errorf("the rows take %d bytes", size)
	}
	check := func() {
		t.Helper()
		for _, i := range []int{0, 3, 0, 4, 1, 2, 6, 7, 5, 3} {
			number, want := int64(i+1), rows[i]
			if got, err := j.Row(number); err != nil || !bytes.Equal(got, want) {
				t.Errorf("Row(%d) has %d bytes, %v; want %d", number, len(got), err, len(want))
			}
			for _, part := range [][2]int{{0, len(want)}, {len(want) / 3, len(want) / 2}, {len(want), 0}} {
				got, err := j.Part([]byte("before"), number, part[0], part[1])
				if want := "before" + string(want[part[0]:part[0]+part[1]]); err != nil || string(got) != want {
					t.Errorf("Part(%d, %v) has %d bytes, %v; want %d", number, part, len(got), err, len(want))
				}
			}
			if _, err := j.Part(nil, number, 1, len(want)); err == nil {
				t.Errorf("a part of row %d ends behind it, and there is no error", number)
			}
		}
		n := 0
		err := j.Each(func(number int64, row []byte) {
			if !bytes.Equal(row, rows[number-1]) {
				t.Errorf("Each has row %d with %d bytes, want %d", number, len(row), len(rows[number-1]))
			}
			n++
		})
		if err != nil || n != len(rows) {
			t.Errorf("Each has %d rows, %v; want %d", n, err, len(rows))
		}
	}
	check()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if j, err = journal.Open(journal.Config{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	check()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// A byte that is not what it was is noticed in a packed row, too: it is said, and nothing else is read instead.
func TestDamagedLongRow(t *testing.T) {
	dir := t.TempDir()
	row := bytes.Repeat([]byte("alike "), 10_000)
	for at := range int64(40) {
		os.RemoveAll(dir)
		j, err := journal.Open(journal.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			number, err := j.Append(row)
			if err != nil {
				t.Fatal(err)
			}
			j.Take(number, 1)
		}
		files, _ := filepath.Glob(filepath.Join(dir, "*.rows"))
		file, err := os.OpenFile(files[0], os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		var b [1]byte
		if _, err := file.ReadAt(b[:], at); err != nil {
			t.Fatal(err)
		}
		b[0] ^= 0x80
		if _, err := file.WriteAt(b[:], at); err != nil {
			t.Fatal(err)
		}
		file.Close()
		if got, err := j.Part(nil, 1, 0, len(row)); err == nil && !bytes.Equal(got, row) {
			t.Errorf("with byte %d damaged, another row is read, of %d bytes", at, len(got))
		}
		_ = j.Close()
		if j, err = journal.Open(journal.Config{Dir: dir}); err != nil {
			t.Fatal(err)
		}
		err = j.Each(func(number int64, got []byte) {
			if !bytes.Equal(got, row) {
				t.Errorf("with byte %d damaged, row %d is another one, of %d bytes", at, number, len(got))
			}
		})
		if err != nil {
			t.Errorf("with byte %d damaged: %v", at, err)
		}
		_ = j.Close()
	}
}
