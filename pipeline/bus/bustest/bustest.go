// Package bustest is the contract of a bus: what the router relies on, whatever the engine.
package bustest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tocsin-security/tocsin/pipeline/bus"
)

// patience is how long something that must happen may take on a busy machine.
const patience = 20 * time.Second

// Engine makes buses of one engine.
type Engine struct {
	// Open opens the bus whose state belongs to this test, with cfg's limits; called again after Close,
	// it finds what was there.
	Open func(t *testing.T, cfg bus.Config) *bus.Bus
}

// Run runs the contract; fresh makes an engine without state for each case.
func Run(t *testing.T, fresh func(t *testing.T) Engine) {
	for name, test := range map[string]func(*testing.T, Engine){
		"messages arrive in order and are gone once acknowledged":     testDelivers,
		"messages published before anyone subscribed arrive":          testEarlyMessages,
		"what is not acknowledged comes again after a restart":        testRestart,
		"a refused message comes again":                               testNack,
		"a message in work for longer than AckWait is not duplicated": testLongWork,
		"the same message published twice arrives once":               testDuplicate,
		"a full topic refuses new messages and keeps the old ones":    testFull,
		"topics with odd names are told apart":                        testNames,
		"a stopped subscription finishes its work and takes no more":  testStop,
		"two members of a group share the messages":                   testShare,
		"a message that hangs holds up no other of the topic":         testInFlight,
		"the backlog counts what is not acknowledged":                 testBacklog,
		"publishing ends when its context does":                       testContext,
		"metadata and payload arrive as they were":                    testContent,
		"what is kept stays until it is removed":                      testKept,
		"what a work queue held is kept":                              testKeptOfBefore,
		"the oldest goes where more is kept than fits":                testKeptFull,
	} {
		t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
	}
}

func open(t *testing.T, e Engine, cfg bus.Config) *bus.Bus {
	t.Helper()
	if cfg.AckWait == 0 {
		cfg.AckWait = time.Second
	}
	return e.Open(t, cfg)
}

func closeBus(t *testing.T, b *bus.Bus) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func publish(t *testing.T, b *bus.Bus, topic string, ids ...string) {
	t.Helper()
	msgs := make([]*message.Message, len(ids))
	for i, id := range ids {
		msgs[i] = message.NewMessage(id, []byte("payload of "+id))
	}
	if err := b.Publisher().Publish(topic, msgs...); err != nil {
		t.Fatalf("Publish(%q, %v): %v", topic, ids, err)
	}
}

// subscribe returns a topic's messages and a function that stops the subscription and waits for it.
func subscribe(t *testing.T, b *bus.Bus, topic string) (<-chan *message.Message, func()) {
	t.Helper()
	s, err := b.Subscriber("group", bus.InFlight{})
	if err != nil {
		t.Fatalf("Subscriber: %v", err)
	}
	msgs, err := s.Subscribe(context.Background(), topic)
	if err != nil {
		t.Fatalf("Subscribe(%q): %v", topic, err)
	}
	return msgs, func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the subscriber: %v", err)
		}
	}
}

func receive(t *testing.T, msgs <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case m, ok := <-msgs:
		if !ok {
			t.Fatal("the subscription ended; want a message")
		}
		return m
	case <-time.After(patience):
		t.Fatalf("no message within %s", patience)
	}
	panic("unreachable")
}

// acknowledged receives n messages, acknowledges them and returns their ids.
func acknowledged(t *testing.T, msgs <-chan *message.Message, n int) []string {
	t.Helper()
	var ids []string
	for range n {
		m := receive(t, msgs)
		m.Ack()
		ids = append(ids, m.UUID)
	}
	return ids
}

// empty waits until the topic has no backlog: acknowledgements are on their way for a moment.
func empty(t *testing.T, b *bus.Bus, topic string) {
	t.Helper()
	backlog(t, b, topic, 0)
}

func backlog(t *testing.T, b *bus.Bus, topic string, want int) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		n, err := b.Backlog(t.Context(), topic)
		if err != nil {
			t.Fatalf("Backlog(%q): %v", topic, err)
		}
		if n == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("Backlog(%q) = %d, want %d", topic, n, want)
		}
	}
}

func testDelivers(t *testing.T, e Engine) {
	b := open(t, e, bus.Config{InFlight: 1})
	defer closeBus(t, b)
	msgs, stop := subscribe(t, b, "orders")
	defer stop()
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprintf("id-%03d", i))
	}
	publish(t, b, "orders", want...)
	if got := acknowledged(t, msgs, len(want)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	empty(t, b, "orders")
}

func testEarlyMessages(t *testing.T, e Engine) {
	b := open(t, e, bus.Config{})
	defer closeBus(t, b)
	publish(t, b, "early", "a")
	msgs, stop := subscribe(t, b, "early")
	defer stop()
	if got := acknowledged(t, msgs, 1); got[0] != "a" {
		t.Errorf("got %v, want a", got)
	}
}

func testRestart(t *testing.T, e Engine) {
	b := open(t, e, bus.Config{})
	publish(t, b, "work", "acked", "held", "waiting")
	msgs, stop := subscribe(t, b, "work")
	held := 0
	for range 3 {
		m := receive(t, msgs)
		if m.UUID == "acked" {
			m.Ack()
		} else {
			held++
			go func() { <-m.Context().Done(); m.Nack() }()
		}
	}
	stop()
	closeBus(t, b)
	b = open(t, e, bus.Config{})
	defer closeBus(t, b)
	msgs, stop = subscribe(t, b, "work")
	defer stop()
	got := acknowledged(t, msgs, held)
	slices.Sort(got)
	if want := []string{"held", "waiting"}; !slices.Equal(got, want) {
		t.Errorf("after the restart: %v, want %v", got, want)
	}
	empty(t, b, "work")
}

func testNack(t *testing.T, e Engine) {
	b := open(t, e, bus.Config{})
	defer closeBus(t, b)
	publish(t, b, "work", "a")
	msgs, stop := subscribe(t, b, "work")
	defer stop()
	receive(t, msgs).Nack()
	if m := receive(t, msgs); m.UUID != "a" {
		t.Errorf("got %q, want a again", m.UUID)
	} else {
		m.Ack()
	}
}

func testLongWork(t *testing.T, e Engine) {
	b := open(t, e, bus.Config{AckWait: 300 * time.Millisecond})
	defer closeBus(t, b)
	publish(t, b, "work", "a")
	msgs, stop := subscribe(t, b, "work")
	defer stop()
	m := receive(t, msgs)
	other, stopOther := subscribe(t, b, "work") // another replica, which would take it over
	defer stopOther()
	select {
	case again := <-msgs:
		again.Ack()
		t.Errorf("%q was handed out again while in work", again.UUID)
	case again := <-other:
		again.Ack()
		t.Errorf("%q was handed to another member while in work", again.UUID)
	case <-time.After(5 * 300 * time.Millisecond): // the engine's clock; it cannot be injected
	}
	m.Ack()
	empty(t, b, "work")
}

func testDuplicate(t *testing.T, e Engine) {
	b := open(t, e, bus.Config{InFlight: 1})
	defer closeBus(t, b)
	publish(t, b, "work", "a")
	publish(t, b, "work", "a", "b")
	msgs, stop := subscribe(t, b, "work")
	defer stop()
	if got, want := acknowledged(t, msgs, 2), []string{"a", "b"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	empty(t, b, "work")
}

func testFull(t *testing.T, e Engine) {
	b := open(t, e, bus.Config{MaxBytes: 64 << 10, InFlight: 1})
	defer closeBus(t, b)
	var stored []string
	var err error
	for i := 0; err == nil; i++ {
		if i == 100 {
			t.Fatal("100 messages of 4 KiB fit into 64 KiB")
		}
		id := fmt.Sprintf("id-%03d", i)
		if err = b.Publisher().Publish("work", message.NewMessage(id, make([]byte, 4<<10))); err == nil {
			stored = append(stored, id)
		}
	}
	if !errors.Is(err, bus.ErrFull) {
		t.Fatalf("Publish to a full topic: %v, want ErrFull", err)
	}
	publish(t, b, "other", "fits")
	msgs, stop := subscribe(t, b, "work")
	defer stop()
	if got := acknowledged(t, msgs, len(stored)); !slices.Equal(got, stored) {
		t.Errorf("got %v, want %v", got, stored)
	}
	empty(t, b, "work")
	publish(t, b, "work", "fits again")
}

func testNames(t *testing.T, e Engine) {
	b := open(t, e, bus.Config{})
	defer closeBus(t, b)
	topics := []string{"notify.a.b", "notify.a_b", "notify.a b", "notify.>", "notify.*", "notify.值班 👩‍🚒", "notify./..", "notify.A.b"}
	for _, topic := range topics {
		publish(t, b, topic, "for "+topic)
	}
	for _, topic := range topics {
		msgs, stop := subscribe(t, b, topic)
		if got := acknowledged(t, msgs, 1); got[0] != "for "+topic {
			t.Errorf("topic %q got %q", topic, got[0])
		}
		stop()
		empty(t, b, topic)
	}
}
