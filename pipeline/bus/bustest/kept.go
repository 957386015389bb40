package bustest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tocsin-security/tocsin/pipeline/bus"
)

func keep(t *testing.T, b *bus.Bus, topic string) {
	t.Helper()
	if err := b.Keep(t.Context(), topic); err != nil {
		t.Fatalf("Keep(%q): %v", topic, err)
	}
}

// numbersOf reads all of a kept topic.
func numbersOf(t *testing.T, b *bus.Bus, topic string) (numbers []uint64, bodies []string) {
	t.Helper()
	for from := uint64(0); ; {
		m, err := b.KeptFrom(t.Context(), topic, from)
		if errors.Is(err, bus.ErrNone) {
			return numbers, bodies
		}
		if err != nil {
			t.Fatalf("KeptFrom(%d): %v", from, err)
		}
		numbers, bodies = append(numbers, m.Number), append(bodies, string(m.Body))
		from = m.Number + 1
	}
}

func wantKept(t *testing.T, b *bus.Bus, topic, numbers, bodies string) {
	t.Helper()
	n, texts := numbersOf(t, b, topic)
	if fmt.Sprint(n) != numbers || fmt.Sprint(texts) != bodies {
		t.Errorf("topic %q keeps %v %v, want %s %s", topic, n, texts, numbers, bodies)
	}
	state, err := b.KeptState(t.Context(), topic)
	if err != nil || state.Messages != len(n) || (state.Bytes > 0) != (len(n) > 0) {
		t.Errorf("KeptState(%q) = %+v, %v, want %d messages", topic, state, err, len(n))
	}
}

func testKept(t *testing.T, e Engine) {
	b := open(t, e, bus.Config{})
	wantKept(t, b, "kept", "[]", "[]") // there is no such topic yet
	if err := b.Remove(t.Context(), "kept", 1); !errors.Is(err, bus.ErrNone) {
		t.Errorf("Remove of a topic that is not there = %v, want ErrNone", err)
	}
	keep(t, b, "kept")
	wantKept(t, b, "kept", "[]", "[]")
	publish(t, b, "kept", "a", "b", "c")
	wantKept(t, b, "kept", "[1 2 3]", "[payload of a payload of b payload of c]")
	for _, number := range []uint64{2, 3} {
		if err := b.Remove(t.Context(), "kept", number); err != nil {
			t.Errorf("Remove(%d) = %v", number, err)
		}
		if err := b.Remove(t.Context(), "kept", number); !errors.Is(err, bus.ErrNone) {
			t.Errorf("a second Remove(%d) = %v, want ErrNone", number, err)
		}
		if m, err := b.KeptAt(t.Context(), "kept", number); !errors.Is(err, bus.ErrNone) {
			t.Errorf("KeptAt(%d) after it was removed = %+v, %v, want ErrNone", number, m, err)
		}
	}
	closeBus(t, b)
	b = open(t, e, bus.Config{})
	defer closeBus(t, b)
	keep(t, b, "kept")
	publish(t, b, "kept", "d")
	wantKept(t, b, "kept", "[1 4]", "[payload of a payload of d]")
	m, err := b.KeptAt(t.Context(), "kept", 4)
	if err != nil || string(m.Body) != "payload of d" || m.Number != 4 || m.At.IsZero() {
		t.Errorf("KeptAt(4) = %+v, %v", m, err)
	}
}

// Versions before had a work queue that nobody read.
func testKeptOfBefore(t *testing.T, e Engine) {
	b := open(t, e, bus.Config{})
	publish(t, b, "kept", "a", "b")
	closeBus(t, b)
	b = open(t, e, bus.Config{})
	defer closeBus(t, b)
	keep(t, b, "kept")
	publish(t, b, "kept", "c")
	wantKept(t, b, "kept", "[1 2 3]", "[payload of a payload of b payload of c]")
	if err := b.Remove(t.Context(), "kept", 1); err != nil {
		t.Errorf("Remove(1) = %v", err)
	}
	wantKept(t, b, "kept", "[2 3]", "[payload of b payload of c]")
}

func testKeptFull(t *testing.T, e Engine) {
	b := open(t, e, bus.Config{MaxBytes: 64 << 10})
	defer closeBus(t, b)
	keep(t, b, "kept")
	for i := range 100 {
		if err := b.Publisher().Publish("kept", message.NewMessage(fmt.Sprint(i), make([]byte, 4<<10))); err != nil {
			t.Fatalf("Publish of message %d: %v, want that the oldest goes", i, err)
		}
	}
	numbers, _ := numbersOf(t, b, "kept")
	if len(numbers) < 10 || len(numbers) > 16 || numbers[len(numbers)-1] != 100 {
		t.Errorf("messages %v are kept of 100 with 4 KiB in 64 KiB, want the latest", numbers)
	}
	if state, err := b.KeptState(t.Context(), "kept"); err != nil || state.MaxBytes != 64<<10 || state.Bytes > state.MaxBytes {
		t.Errorf("KeptState = %+v, %v", state, err)
	}
}
