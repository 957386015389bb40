package router_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline/bus"
	"github.com/tocsin-security/tocsin/pipeline/router"
)

// Events that are published again with their ids are stored once; without ids every one is another.
func TestEventsWithIDsAreStoredOnce(t *testing.T) {
	b, err := bus.Open(t.Context(), bus.Config{Dir: filepath.Join(t.TempDir(), "bus")}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	r, err := router.New(router.Config{}, b, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	stored := func() int {
		n, err := b.Backlog(context.Background(), router.TopicEvents)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	ids := []string{"0193571f-0000-8000-8000-000000000001", "0193571f-0000-8000-8000-000000000002"}
	events := []json.RawMessage{json.RawMessage(`{"a":1}`), json.RawMessage(`{"a":1}`)}
	for _, posted := range [][]string{ids, ids, slices.Clone(ids[1:])} {
		if err := r.PublishEventsAs(t.Context(), "json", posted, events[:len(posted)]); err != nil {
			t.Fatal(err)
		}
	}
	if n := stored(); n != 2 {
		t.Errorf("two events posted twice, and one of them once more, are %d on the bus, want 2", n)
	}
	for range 2 {
		if err := r.PublishEvents(t.Context(), "json", events); err != nil {
			t.Fatal(err)
		}
	}
	if n := stored(); n != 6 {
		t.Errorf("with four events that have no ids there are %d, want 6", n)
	}
}
