package main

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/stages/whitelist/account"
	"github.com/tocsin-security/tocsin/store"
)

// What the store of a tocsin that has ended says is of its last days: since then nobody has watched what is needed.
func TestUsageOfAStoreIsOfWhenItWasWritten(t *testing.T) {
	cfg := &configs.Loaded{Config: configs.Config{DataDir: t.TempDir(), Store: "embedded"}}
	list := listOf(t, "")
	begun := time.Now().Add(-90 * 24 * time.Hour).UTC().Truncate(time.Microsecond)
	func() {
		s, err := store.Open(t.Context(), filepath.Join(cfg.DataDir, "tocsin.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close() // a test's own
		book := account.New(s.Documents(kindWhitelist, account.MaxDocuments), slog.New(slog.DiscardHandler))
		for _, at := range []time.Time{begun, begun.Add(time.Hour)} { // started twice
			if err := book.Begin(t.Context(), list.Usage(at), at); err != nil {
				t.Fatal(err)
			}
		}
	}()
	_, usage, err := storedUsage(t.Context(), cfg, list)
	if err != nil {
		t.Fatal(err)
	}
	if want := begun.Add(time.Hour); !usage.At.Equal(want) || !usage.Entries[0].Since.Equal(begun) {
		t.Errorf("usage is of %v, entries %+v; want of %v, since %v", usage.At, usage.Entries, want, begun)
	}
}
