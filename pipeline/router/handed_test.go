package router

import (
	"fmt"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
)

func TestHanded(t *testing.T) {
	h := newHanded[string](10)
	put := func(value string, size int) *message.Message {
		m := message.NewMessage(value, nil)
		h.put(m, value, size)
		return m
	}
	want := func(m *message.Message, wantThere bool) {
		t.Helper()
		got, there := h.take(m)
		if there != wantThere || there && got != m.UUID {
			t.Errorf("take(%s) = %q, %v; want it there: %v", m.UUID, got, there, wantThere)
		}
	}
	a, b, c, d := put("a", 4), put("b", 4), put("c", 4), put("d", 11)
	want(a, false) // it made room
	want(d, false) // it is more than there may be
	want(c, true)
	want(c, false) // the message comes again
	want(b, true)
	want(message.NewMessage("posted by another process", nil), false)
	for i := range 1000 {
		m := put(fmt.Sprint(i), 1)
		if i%2 == 0 {
			want(m, true)
		}
	}
	if len(h.items) != 10 || h.size != 10 || len(h.order) > 20 {
		t.Errorf("%d items, size %d, %d tokens; want 10 of each, and a few taken ones", len(h.items), h.size, len(h.order))
	}
}
