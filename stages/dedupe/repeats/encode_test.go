package repeats

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sample(key string) saved {
	return saved{
		key: key, alert: []byte(`{"rule":"终端"}`),
		episode: episode{
			id: "id", open: 1.7e15, quiet: 6e8, count: 3, first: -5, closed: true,
			came: &tally{repeats: 1 << 60, told: 2, since: 7, last: 8, due: 9, marks: []mark{{"x", 10, -1}, {"", 100, 5}}},
		},
	}
}

func read(row []byte) (all []saved, err error) {
	err = eachSaved(row, func(s saved) {
		s.alert = append([]byte{}, s.alert...)
		all = append(all, s)
	})
	return all, err
}

func TestRowRoundTrip(t *testing.T) {
	want := []saved{sample("a"), {key: "b", alert: []byte{}}, sample("")}
	var row []byte
	for i := range want {
		row = appendSaved(row, &want[i])
	}
	got, err := read(row)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(saved{}, episode{}, tally{}, mark{})); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, row := range [][]byte{nil, {}, {2}, row[:len(row)-1], append(row, 1)} {
		if _, err := read(row); err == nil {
			t.Errorf("a damaged row of %d bytes was read without an error", len(row))
		}
	}
}

// What is read is what was written, or an error.
func FuzzRow(f *testing.F) {
	s := sample("key")
	f.Add(appendSaved(nil, &s))
	f.Add([]byte{rowVersion, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, row []byte) {
		all, err := read(row)
		if err != nil || len(all) == 0 {
			return
		}
		var again []byte
		for i := range all {
			again = appendSaved(again, &all[i])
		}
		same, err := read(again)
		if diff := cmp.Diff(all, same, cmp.AllowUnexported(saved{}, episode{}, tally{}, mark{})); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}
