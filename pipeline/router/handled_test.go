package router

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
)

func idsOf(alerts []pipeline.Alert) (ids []string) {
	for i := range alerts {
		ids = append(ids, alerts[i].ID)
	}
	return ids
}

// What was handled is known over kills; what says something new under the same name is always fresh.
func TestHandledOutlivesKills(t *testing.T) {
	dir := t.TempDir()
	alerts := []pipeline.Alert{{ID: "a"}, {ID: "b"}, {ID: "a", Completes: &pipeline.Completes{}}, {ID: "s", Stateful: &pipeline.Stateful{}}, {ID: "c", Covered: &pipeline.Covered{}}, {}}
	h, err := openHandled(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := h.fresh(alerts); len(got) != len(alerts) {
		t.Errorf("%v is fresh at first, want all", idsOf(got))
	}
	if got := h.fresh([]pipeline.Alert{{ID: "x"}, {ID: "y"}, {ID: "x"}}); fmt.Sprint(idsOf(got)) != "[x y]" {
		t.Errorf("%v is fresh of a batch with one alert twice", idsOf(got))
	}
	if err := h.add(alerts[:1]); err != nil {
		t.Fatal(err)
	}
	for range 3 { // killed: nothing is closed
		if h, err = openHandled(dir); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(idsOf(h.fresh(alerts))); got != "[b a s c ]" {
			t.Errorf("%s is fresh, want all but the first", got)
		}
	}
	if err := h.add(alerts); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "handled")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, text[:len(text)-3], 0o600); err != nil { // the last record is cut
		t.Fatal(err)
	}
	if h, err = openHandled(dir); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(idsOf(h.fresh(alerts))); got != "[a s c ]" {
		t.Errorf("%s is fresh, want the completion, whose record was cut, and what is never known", got)
	}
}

func TestHandledIsBounded(t *testing.T) {
	dir := t.TempDir()
	h, err := openHandled(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 * maxHandledKeys / 64 {
		batch := make([]pipeline.Alert, 64)
		for k := range batch {
			batch[k].ID = fmt.Sprint(i, "/", k)
		}
		if err := h.add(batch); err != nil {
			t.Fatal(err)
		}
		if got := h.fresh(batch); len(got) != 0 {
			t.Fatalf("%v is fresh right after it was handled", idsOf(got))
		}
	}
	if n := len(h.now) + len(h.old); n > 2*maxHandledKeys+64 {
		t.Errorf("%d alerts are remembered", n)
	}
	for _, name := range []string{"handled", "handled.old"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > 8*(maxHandledKeys+64) {
			t.Errorf("%s has %d bytes", name, info.Size())
		}
	}
}
