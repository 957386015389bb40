package bustest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tocsin-security/tocsin/pipeline/bus"
)

func testStop(t *testing.T, e Engine) {
	b := open(t, e, bus.Config{InFlight: 1})
	defer closeBus(t, b)
	publish(t, b, "work", "a", "b")
	s, err := b.Subscriber("group", bus.InFlight{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	msgs, err := s.Subscribe(ctx, "work")
	if err != nil {
		t.Fatal(err)
	}
	m := receive(t, msgs)
	cancel()
	select {
	case <-m.Context().Done():
	case <-time.After(patience):
		t.Error("the message's context does not end with the subscription")
	}
	m.Ack() // its handler finishes after the stop; this must still count
	for m := range msgs {
		t.Errorf("message %q was handed out after the stop", m.UUID)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	msgs, stop := subscribe(t, b, "work")
	defer stop()
	if got := acknowledged(t, msgs, 1); got[0] != "b" {
		t.Errorf("got %v, want b", got)
	}
	empty(t, b, "work")
}

func testShare(t *testing.T, e Engine) {
	b := open(t, e, bus.Config{InFlight: 4})
	defer closeBus(t, b)
	one, stopOne := subscribe(t, b, "work")
	defer stopOne()
	two, stopTwo := subscribe(t, b, "work")
	defer stopTwo()
	const n = 200
	go func() {
		for i := range n {
			m := message.NewMessage(fmt.Sprintf("id-%03d", i), []byte("x"))
			if err := b.Publisher().Publish("work", m); err != nil {
				t.Errorf("Publish: %v", err)
			}
		}
	}()
	got := map[string]int{}
	for range n {
		var m *message.Message
		select {
		case m = <-one:
		case m = <-two:
		case <-time.After(patience):
			t.Fatalf("%d of %d messages within %s", len(got), n, patience)
		}
		m.Ack()
		got[m.UUID]++
	}
	if len(got) != n {
		t.Errorf("%d different messages, want %d: %v", len(got), n, got)
	}
	empty(t, b, "work")
}

func testInFlight(t *testing.T, e Engine) {
	b := open(t, e, bus.Config{InFlight: 2})
	defer closeBus(t, b)
	publish(t, b, "work", "hangs", "b", "c", "d")
	msgs, stop := subscribe(t, b, "work")
	defer stop()
	hanging := receive(t, msgs)
	acknowledged(t, msgs, 3)
	hanging.Ack()
	empty(t, b, "work")
}

func testBacklog(t *testing.T, e Engine) {
	b := open(t, e, bus.Config{})
	defer closeBus(t, b)
	backlog(t, b, "never used", 0)
	publish(t, b, "work", "a", "b", "c")
	msgs, stop := subscribe(t, b, "work")
	defer stop()
	acknowledged(t, msgs, 1)
	var held sync.WaitGroup
	for range 2 {
		m := receive(t, msgs)
		held.Go(func() { <-m.Context().Done(); m.Nack() })
	}
	backlog(t, b, "work", 2)
	stop()
	held.Wait()
}

func testContext(t *testing.T, e Engine) {
	b := open(t, e, bus.Config{})
	defer closeBus(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := message.NewMessage("a", []byte("x"))
	m.SetContext(ctx)
	if err := b.Publisher().Publish("work", m); !errors.Is(err, context.Canceled) {
		t.Errorf("Publish with an ended context: %v, want context.Canceled", err)
	}
}

func testContent(t *testing.T, e Engine) {
	b := open(t, e, bus.Config{})
	defer closeBus(t, b)
	want := message.NewMessage("a", []byte("终端 \x00\xff\n bytes"))
	want.Metadata.Set("stage", "notify")
	if err := b.Publisher().Publish("work", want); err != nil {
		t.Fatal(err)
	}
	msgs, stop := subscribe(t, b, "work")
	defer stop()
	got := receive(t, msgs)
	got.Ack()
	if !got.Equals(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
