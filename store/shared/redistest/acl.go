package redistest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// DocumentedACL is the rules for a user of tocsin's own, as docs/store.md has them.
func DocumentedACL(t testing.TB) []any {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil && dir != "/"; _, err = os.Stat(filepath.Join(dir, "go.mod")) {
		dir = filepath.Dir(dir)
	}
	doc, err := os.ReadFile(filepath.Join(dir, "docs", "store.md"))
	if err != nil {
		t.Fatal(err)
	}
	const begin = "ACL SETUSER tocsin on >PASSWORD "
	for line := range strings.Lines(string(doc)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), begin); ok {
			var rules []any
			for _, rule := range strings.Fields(rest) {
				rules = append(rules, rule)
			}
			return rules
		}
	}
	t.Fatalf("docs/store.md has no line that begins with %q", begin)
	return nil
}

// StartWithUser starts a server with a user of just these rights, and returns its URL for that user.
func StartWithUser(t testing.TB) string {
	t.Helper()
	return Start(t).AddUser()
}

// AddUser makes a user of just the documented rights, and returns the server's URL for that user.
func (s *Server) AddUser() string {
	s.t.Helper()
	s.Do(append([]any{"ACL", "SETUSER", "tocsin", "on", ">s3cret"}, DocumentedACL(s.t)...)...)
	return "redis://tocsin:s3cret@" + s.Addr
}
