package bus

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// modelled is a message as the model has it.
type modelled struct {
	id    string
	past  Past
	taken bool
}

// Whatever happens to a queue, kills included, it hands out what a list would: each message until it is acknowledged,
// the oldest first, with what was noted of it.
func TestQueueIsAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		root, err := os.MkdirTemp("", "queue")
		if err != nil {
			t.Fatalf("%v", err)
		}
		defer os.RemoveAll(root)
		life := 0
		dir := func() string { return filepath.Join(root, fmt.Sprint(life)) }
		q := mustOpen(t, dir())
		var model []*modelled
		work := map[*modelled]*item{}
		pick := func(t *rapid.T) *modelled {
			var busy []*modelled
			for _, m := range model {
				if m.taken {
					busy = append(busy, m)
				}
			}
			if len(busy) == 0 {
				t.Skip("nothing is in work")
			}
			return rapid.SampledFrom(busy).Draw(t, "message")
		}
		n := 0
		restarted := func() {
			clear(work)
			for _, m := range model {
				m.taken = false
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"publish": func(t *rapid.T) {
				var ids []string
				for range rapid.IntRange(1, 4).Draw(t, "messages") {
					ids = append(ids, fmt.Sprint("m", n))
					model = append(model, &modelled{id: fmt.Sprint("m", n)})
					n++
				}
				send(t, q, ids...)
				send(t, q, ids...) // in vain
			},
			"take": func(t *rapid.T) {
				it, id := next(t, q)
				i := slices.IndexFunc(model, func(m *modelled) bool { return !m.taken })
				if it == nil && i < 0 {
					return
				}
				if i < 0 || it == nil || id != model[i].id || it.past != model[i].past {
					t.Fatalf("%q is handed out, want the first that waits of %+v", id, model)
				}
				model[i].taken, work[model[i]] = true, it
			},
			"note": func(t *rapid.T) {
				m := pick(t)
				m.past = Past{m.past.Attempts + 1, rapid.Bool().Draw(t, "unsure")}
				if err := q.note(work[m], m.past); err != nil {
					t.Fatalf("note: %v", err)
				}
			},
			"acknowledge": func(t *rapid.T) {
				m := pick(t)
				q.acknowledge(work[m])
				model = slices.DeleteFunc(model, func(other *modelled) bool { return other == m })
			},
			"refuse": func(t *rapid.T) {
				m := pick(t)
				q.putBack(work[m])
				m.taken = false
			},
			"restart": func(t *rapid.T) {
				if err := q.close(); err != nil {
					t.Fatalf("close: %v", err)
				}
				q = mustOpen(t, dir())
				restarted()
			},
			"kill": func(t *rapid.T) {
				if err := q.flush(); err != nil { // else what was acknowledged of late comes again
					t.Fatalf("flush: %v", err)
				}
				from := dir()
				life++
				q = killed(t, q, from, dir())
				restarted()
			},
			"": func(t *rapid.T) {
				if len(q.items) != len(model) {
					t.Fatalf("%d messages are there, want %d", len(q.items), len(model))
				}
			},
		})
		if err := q.close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	})
}
