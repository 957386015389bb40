package documents_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/documents"
	"github.com/tocsin-security/tocsin/store/documentstest"
	"github.com/tocsin-security/tocsin/store/shared"
	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

func open(t *testing.T, url string) *shared.Store {
	t.Helper()
	s, err := shared.Open(t.Context(), url+"?timeout=20s", documents.Scripts(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func suite(t *testing.T, url string) {
	s := open(t, url)
	documentstest.Run(t, func(kind string, limit int) documentstest.Documents { return documents.New(s, kind, limit) })
	if s.Degraded() {
		t.Errorf("the store is away: %+v", s.LastOutage())
	}
}

func TestDocuments(t *testing.T) {
	t.Run("alone", func(t *testing.T) { suite(t, redistest.Start(t).URL()) })
	t.Run("a cluster", func(t *testing.T) { suite(t, redistest.StartCluster(t).URL()) })
	t.Run("with the documented rights", func(t *testing.T) { suite(t, redistest.StartWithUser(t)) })
}

// Two processes see what the other keeps, and a store that goes is an error that says so, until it is back.
func TestDocumentsAreShared(t *testing.T) {
	server := redistest.Start(t)
	one, two := documents.New(open(t, server.URL()), "images", 10), documents.New(open(t, server.URL()), "images", 10)
	doc := pipeline.Document{Key: "a", At: time.Now(), Body: []byte("x")}
	if err := one.Put(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	if got, err := two.Get(t.Context(), "a", "b"); err != nil || len(got) != 1 || string(got[0].Body) != "x" {
		t.Errorf("Get at the other process = %v, %v", got, err)
	}
	server.Stop()
	if err := one.Put(t.Context(), doc); !errors.Is(err, shared.ErrAway) || !strings.Contains(err.Error(), "away") {
		t.Errorf("Put while the store is away: %v, want ErrAway", err)
	}
	if _, err := one.All(t.Context()); !errors.Is(err, shared.ErrAway) {
		t.Errorf("All while the store is away: %v, want ErrAway", err)
	}
	server.Start()
	redistest.Eventually(t, "the store is back", func() bool { return one.Put(t.Context(), doc) == nil })
}
