package router

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestHanded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHanded(10)
		put := func(id string, n int) *message.Message {
			m := message.NewMessage(id, nil)
			alerts := make([]pipeline.Alert, n)
			alerts[0].ID = id
			h.put(m, alerts)
			return m
		}
		want := func(m *message.Message, wantThere bool) {
			t.Helper()
			got, there := h.take(m)
			if there != wantThere || there && got[0].ID != m.UUID {
				t.Errorf("take(%s) = %d alerts, %v; want them there: %v", m.UUID, len(got), there, wantThere)
			}
		}
		a, b, c := put("a", 5), put("b", 5), put("c", 1)
		want(c, false) // there was no room
		want(b, true)
		want(b, false) // the message comes again
		want(message.NewMessage("posted by another process", nil), false)
		time.Sleep(maxHandedFor)
		d := put("d", 10)
		want(a, false) // it made room, since nobody had taken it
		want(d, true)
		left := put("left", 1)
		for i := range 1000 {
			want(put(fmt.Sprint(i), 1), true)
		}
		if len(h.items) != 1 || h.size != 1 || len(h.order) > 2*maxTaken {
			t.Errorf("%d items, size %d, %d tokens; want 1, 1, and a few taken ones", len(h.items), h.size, len(h.order))
		}
		want(left, true)
	})
}
