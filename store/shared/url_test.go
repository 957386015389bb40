package shared_test

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/store/shared"
)

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct{ url, want string }{
		"an unknown engine":                 {"memcached://u:s3cret@host", "unknown engine"},
		"what is no URL":                    {"redis://u:s3cret@%zz", "host:port"},
		"no scheme":                         {"host:6379", "not a URL"},
		"a password that is not encoded":    {"redis://u:s3cret%@host", "%XX"},
		"a password with a slash in it":     {"redis://u:s3cret/x@host", "%XX"},
		"a bad database":                    {"redis://u:s3cret@host/db", "database"},
		"no host":                           {"redis://u:s3cret@/0", "host:port"},
		"an empty host of several":          {"redis://u:s3cret@a,,b", "host:port"},
		"a bad port":                        {"redis://u:s3cret@host:port", "host:port"},
		"an unknown key":                    {"redis://u:s3cret@host?pool_size=3", `"pool_size"`},
		"a password twice":                  {"redis://u:s3cret@host?password_file=f", "only one"},
		"half a client certificate":         {"rediss://u:s3cret@host?cert_file=f", "go together"},
		"TLS's files without TLS":           {"redis://u:s3cret@host?ca_file=f", "rediss://"},
		"Sentinels without a master":        {"redis+sentinel://u:s3cret@host", "which master"},
		"a Sentinel's user without any":     {"redis://u:s3cret@host?sentinel_user=x", "redis+sentinel"},
		"a timeout that is none":            {"redis://u:s3cret@host?timeout=soon", "timeout"},
		"a CA that is not there":            {"rediss://u:s3cret@host?ca_file=/nonexistent", "ca_file"},
		"a password file that is not there": {"redis://u@host?password_file=/nonexistent", "password"},
		"a key file that is not there":      {"rediss://host?cert_file=/nonexistent&key_file=/nonexistent", "cert_file"},
		"a CA that is none":                 {"rediss://host?ca_file=url_test.go", "no PEM certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := shared.Open(t.Context(), c.url, nil, slog.New(slog.DiscardHandler))
			if err == nil {
				s.Close()
				t.Fatalf("Open(%q) succeeded", c.url)
			}
			if strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "store") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open(%q): %v: want it to name the store and %q, and not the password", c.url, err, c.want)
			}
		})
	}
}

func TestValidateAccepts(t *testing.T) {
	for _, url := range []string{
		"", "embedded", "redis://host", "redis://host:6380/3", "redis://user:p%40ss%2F@host:6379/0", "redis://:pass@a:1,b:2,c",
		"rediss://host?ca_file=ca.pem&server_name=redis.example.org", "redis://[::1]:6379,[::2]",
		"redis+sentinel://user:pass@h1,h2:26380/mymaster/2?sentinel_user=s&sentinel_password=p",
		"redis://host?timeout=250ms", "rediss+sentinel://h1/mymaster?cert_file=c&key_file=k&password_file=p",
	} {
		if err := shared.Validate(url); err != nil {
			t.Errorf("Validate(%q): %v", url, err)
		}
	}
}

func TestLocate(t *testing.T) {
	for url, want := range map[string]string{
		"embedded":                          "embedded",
		"redis://host/0":                    "redis://host/0",
		"redis://host?password_file=secret": "redis://host?password_file=/etc/tocsin/secret",
		"rediss://host?ca_file=/abs&server_name=here": "rediss://host?ca_file=/abs&server_name=here",
		"redis://host?unknown_file=x":                 "redis://host?unknown_file=x",
	} {
		got := strings.ReplaceAll(shared.Locate(url, filepath.FromSlash("/etc/tocsin")), "%2F", "/")
		if got != want {
			t.Errorf("Locate(%q) = %q, want %q", url, got, want)
		}
	}
}
