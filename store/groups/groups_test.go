package groups_test

import (
	"log/slog"
	"testing"

	"github.com/tocsin-security/tocsin/store/groups"
	"github.com/tocsin-security/tocsin/store/groupstest"
	"github.com/tocsin-security/tocsin/store/shared"
	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

func open(t testing.TB, url string) *shared.Store {
	t.Helper()
	s, err := shared.Open(t.Context(), url, groups.Scripts(), slog.New(slog.DiscardHandler))
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

// suite runs the suite, for which flush empties the store.
func suite(t *testing.T, url string, flush func()) {
	url += "?timeout=20s"
	s := open(t, url)
	groupstest.Run(t, groupstest.Engine{
		Fresh: func() groupstest.Groups {
			flush()
			return groups.New(s)
		},
		Another: func() groupstest.Groups { return groups.New(open(t, url)) },
		Parts:   true,
	})
	if s.Degraded() {
		t.Errorf("the store is away: %+v", s.LastOutage())
	}
}

func TestGroups(t *testing.T) {
	t.Run("alone", func(t *testing.T) {
		server := redistest.Start(t)
		client := server.Client()
		suite(t, server.URL(), func() {
			if err := client.FlushDB(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		})
	})
	t.Run("a cluster", func(t *testing.T) {
		cluster := redistest.StartCluster(t)
		suite(t, cluster.URL(), cluster.Flush)
	})
	t.Run("with the documented rights", func(t *testing.T) {
		suite(t, redistest.StartWithUser(t), func() {})
	})
}
