package shared_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tocsin-security/tocsin/store/shared"
	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

// counter counts the runs for a key.
var counter = shared.NewScript(`local n = redis.call('INCR', KEYS[1]) redis.call('PEXPIRE', KEYS[1], 60000) return n`)

// logged is a log that tests read while others write.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// open opens a store, patiently unless its URL says otherwise: a machine that does other things may stall.
func open(t *testing.T, url string) (*shared.Store, *logged) {
	t.Helper()
	switch {
	case strings.Contains(url, "timeout="):
	case strings.Contains(url, "?"):
		url += "&timeout=20s"
	default:
		url += "?timeout=20s"
	}
	log := &logged{}
	s, err := shared.Open(t.Context(), url, []*shared.Script{counter}, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s, log
}

func count(keys ...string) []shared.Call {
	calls := make([]shared.Call, len(keys))
	for i, key := range keys {
		calls[i] = shared.Call{Keys: []string{"tocsin:{" + key + "}:count"}}
	}
	return calls
}

func names(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint("k", i)
	}
	return all
}

// wantCounts runs a batch of many keys twice, and one key often, and wants every reply in its place.
func wantCounts(t *testing.T, s *shared.Store) {
	t.Helper()
	for round := range 2 {
		replies, err := s.Run(t.Context(), counter, count(append(names(600), "often", "often", "often")...))
		if err != nil {
			t.Fatalf("Run: %v", err)
		}
		for i, reply := range replies {
			want := int64(round + 1)
			if i >= 600 {
				want = int64(round*3 + i - 600 + 1)
			}
			if reply != want {
				t.Fatalf("reply %d of round %d = %v, want %d", i, round, reply, want)
			}
		}
	}
	if s.Degraded() {
		t.Error("the store is degraded")
	}
}

func TestKindsOfRedis(t *testing.T) {
	certs := redistest.MakeCertificates(t, "redis.example.org")
	for name, start := range map[string]func(t *testing.T) string{
		"alone":             func(t *testing.T) string { return redistest.Start(t).URL() },
		"another database":  func(t *testing.T) string { return redistest.Start(t).URL() + "/3" },
		"a cluster":         func(t *testing.T) string { return redistest.StartCluster(t).URL() },
		"behind a Sentinel": func(t *testing.T) string { return redistest.StartWatched(t).URL() },
		"TLS": func(t *testing.T) string {
			return "rediss://" + redistest.StartTLS(t, certs).Addr + "?server_name=redis.example.org&ca_file=" + certs.CA
		},
		"TLS with our certificate": func(t *testing.T) string {
			return "rediss://" + redistest.StartTLS(t, certs, "--tls-auth-clients", "yes").Addr +
				"?server_name=redis.example.org&ca_file=" + certs.CA + "&cert_file=" + certs.Cert + "&key_file=" + certs.Key
		},
		"a password": func(t *testing.T) string {
			return "redis://:s3cret@" + redistest.Start(t, "--requirepass", "s3cret").Addr
		},
		"a password in a file": func(t *testing.T) string {
			file := filepath.Join(t.TempDir(), "password")
			if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			return redistest.Start(t, "--requirepass", "s3cret").URL() + "?password_file=" + file
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := open(t, start(t))
			wantCounts(t, s)
		})
	}
}

// What is wrong from the start is said in a sentence, never with the password, and waited for.
func TestTroubleAtTheStart(t *testing.T) {
	certs, others := redistest.MakeCertificates(t, "redis.example.org"), redistest.MakeCertificates(t, "127.0.0.1")
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	plain := redistest.Start(t)
	private := redistest.Start(t, "--requirepass", "s3cret")
	private.Client() // it asks for a password; only its address is used
	secure := redistest.StartTLS(t, certs)
	picky := redistest.StartTLS(t, certs, "--tls-auth-clients", "yes")
	replica := redistest.Start(t, "--replicaof", "127.0.0.1 1")
	for name, c := range map[string]struct{ url, want string }{
		"nothing there":                {"redis://127.0.0.1:1", "cannot be reached"},
		"an unknown name":              {"redis://redis.invalid", "is not found"},
		"a wrong password":             {"redis://:not-s3cret@" + private.Addr, "refuses the user or the password"},
		"no password":                  {private.URL(), "wants a password"},
		"a web server":                 {"redis://" + strings.TrimPrefix(web.URL, "http://"), "no redis"},
		"TLS to a server without":      {"rediss://" + plain.Addr, "TLS"},
		"no TLS to a server with it":   {"redis://" + secure.Addr, "TLS"},
		"an unknown authority":         {"rediss://" + secure.Addr + "?server_name=redis.example.org&ca_file=" + others.CA, "ca_file"},
		"a certificate's other name":   {"rediss://" + secure.Addr + "?ca_file=" + certs.CA, "server_name"},
		"no certificate of ours":       {"rediss://" + picky.Addr + "?server_name=redis.example.org&ca_file=" + certs.CA, "cert_file"},
		"a replica":                    {replica.URL(), "is a replica"},
		"a database that is not there": {plain.URL() + "/99", "no database of that number"},
		"servers that are no cluster":  {plain.URL() + "," + replica.Addr, "names several"},
		"no Sentinel":                  {"redis+sentinel://127.0.0.1:1/mymaster", "no Sentinel answers"},
	} {
		t.Run(name, func(t *testing.T) {
			s, log := open(t, c.url)
			if !s.Degraded() {
				t.Error("the store is not degraded")
			}
			reason := s.LastOutage().Reason
			if !strings.Contains(reason, c.want) {
				t.Errorf("reason %q, want it to say %q; the log: %s", reason, c.want, log)
			}
			if strings.Contains(log.String(), "s3cret") || !strings.Contains(log.String(), c.want) {
				t.Errorf("log %q: want the reason and no password", log)
			}
			if _, err := s.Run(t.Context(), counter, count("k")); err == nil {
				t.Error("Run succeeded")
			}
		})
	}
}

// The rules of docs/store.md for a user of tocsin's own are enough, and say so where they are missing.
func TestACL(t *testing.T) {
	rules := redistest.DocumentedACL(t)
	for kind, start := range map[string]func(t *testing.T) (string, []*redistest.Server){
		"alone": func(t *testing.T) (string, []*redistest.Server) {
			s := redistest.Start(t)
			return s.Addr, []*redistest.Server{s}
		},
		"a cluster": func(t *testing.T) (string, []*redistest.Server) {
			c := redistest.StartCluster(t)
			return c.Nodes[0].Addr, c.Nodes
		},
	} {
		t.Run(kind, func(t *testing.T) {
			addr, nodes := start(t)
			for _, n := range nodes {
				n.Do(append([]any{"ACL", "SETUSER", "tocsin", "on", ">s3cret"}, rules...)...)
				n.Do("ACL", "SETUSER", "stranger", "on", ">s3cret", "+@connection")
			}
			s, log := open(t, "redis://tocsin:s3cret@"+addr)
			if s.Degraded() {
				t.Fatalf("the documented rules are not enough: %s", log)
			}
			s, log = open(t, "redis://stranger:s3cret@"+addr)
			if !strings.Contains(s.LastOutage().Reason, "docs/store.md") {
				t.Errorf("reason %q for a user without rights, want it to name docs/store.md; the log: %s", s.LastOutage().Reason, log)
			}
		})
	}
}

// What was loaded when the store was opened is there when it is asked for first: no second round trip.
func TestScriptsAreThereAtOnce(t *testing.T) {
	server := redistest.Start(t)
	s, _ := open(t, server.URL())
	once := shared.NewScript(`return 'only here'`)
	other, err := shared.Open(t.Context(), server.URL()+"?timeout=20s", []*shared.Script{once}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, ask := range []func() ([]any, error){
		func() ([]any, error) { return s.Run(t.Context(), counter, count("a")) },
		func() ([]any, error) { return other.Run(t.Context(), once, make([]shared.Call, 3)) },
	} {
		if _, err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	if stats, _ := server.Do("INFO", "errorstats").(string); strings.Contains(stats, "NOSCRIPT") {
		t.Errorf("scripts had to be loaded again: %s", stats)
	}
}
