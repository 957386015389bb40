package store_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/documentstest"
)

func TestDocuments(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tocsin.db"))
	documentstest.Run(t, func(kind string, limit int) documentstest.Documents { return s.Documents(kind, limit) })
}

// What was kept is there after a restart, under a smaller limit too.
func TestDocumentsStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tocsin.db")
	s := open(t, path)
	if err := s.Documents("images", 10).Put(t.Context(), pipeline.Document{Key: "a", At: t0, Body: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	all, err := open(t, path).Documents("images", 10).All(t.Context())
	if err != nil || len(all) != 1 || all[0].Key != "a" || string(all[0].Body) != "x" || !all[0].At.Equal(t0) {
		t.Errorf("All after a restart = %v, %v", all, err)
	}
}

// On a full disk nothing of a Put is kept, and the error says why.
func TestDocumentsOnAFullDisk(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "tocsin.db"))
	if err := s.LimitPages(t.Context(), 30); err != nil {
		t.Fatal(err)
	}
	docs := s.Documents("images", 10)
	err := docs.Put(t.Context(), pipeline.Document{Key: "small", At: t0}, pipeline.Document{Key: "large", At: t0, Body: make([]byte, 500_000)})
	if err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("Put on a full disk: %v", err)
	}
	if all, err := docs.All(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("All = %v, %v, want none of what was refused", all, err)
	}
}
