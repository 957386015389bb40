package alertjson

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestRows(t *testing.T) {
	alerts := []pipeline.Alert{{ID: "a"}, {ID: "b"}, {ID: "c", Output: strings.Repeat("<&>", 2000)}, {ID: "d"}}
	one, err := Append(nil, &alerts[0])
	if err != nil {
		t.Fatal(err)
	}
	const before = "before"
	for most, want := range map[int][]string{
		1:                {"a", "b", "c", "d"},
		2*len(one) + 2:   {"a", "b", "c", "d"},
		2*len(one) + 3:   {"ab", "c", "d"},
		2*len(one) + 100: {"ab", "c", "d"},
		1 << 20:          {"abcd"},
	} {
		b, ends, err := AppendRows([]byte(before), alerts, most)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		begin := len(before)
		for _, end := range ends {
			some, err := ReadAll(b[begin:end])
			if err != nil {
				t.Fatalf("%s: %v", b[begin:end], err)
			}
			ids := ""
			for _, a := range some {
				ids += a.ID
			}
			if len(some) > 1 && end-begin > most {
				t.Errorf("a row has %d bytes, want at most %d", end-begin, most)
			}
			got = append(got, ids)
			begin = end
		}
		if diff := cmp.Diff(want, got); diff != "" || begin != len(b) || !strings.HasPrefix(string(b), before) {
			t.Errorf("rows of %d bytes (-want +got):\n%s", most, diff)
		}
	}
	if b, ends, err := AppendRows(nil, nil, 100); err != nil || len(b) > 0 || ends != nil {
		t.Errorf("rows of nothing = %q, %v, %v", b, ends, err)
	}
}
