package pipeline

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRows(t *testing.T) {
	alerts := []Alert{{ID: "a"}, {ID: "b"}, {ID: "c", Output: strings.Repeat("<&>", 2000)}, {ID: "d"}}
	one, err := json.Marshal(&alerts[0])
	if err != nil {
		t.Fatal(err)
	}
	for most, want := range map[int][]string{
		1:                {"a", "b", "c", "d"},
		2*len(one) + 3:   {"ab", "c", "d"},
		1 << 20:          {"abcd"},
		2*len(one) + 100: {"ab", "c", "d"},
	} {
		rows, err := (&Inbox{Alerts: alerts}).Rows(most)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, row := range rows {
			var some []Alert
			if err := json.Unmarshal(row, &some); err != nil {
				t.Fatalf("%s: %v", row, err)
			}
			ids := ""
			for _, a := range some {
				ids += a.ID
			}
			if len(some) > 1 && len(row) > most {
				t.Errorf("a row has %d bytes, want at most %d", len(row), most)
			}
			got = append(got, ids)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("rows of %d bytes (-want +got):\n%s", most, diff)
		}
	}
	if rows, err := (&Inbox{}).Rows(100); err != nil || rows != nil {
		t.Errorf("rows of nothing = %v, %v", rows, err)
	}
}
