package shared_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/store/shared"
)

func TestOpenRefuses(t *testing.T) {
	for name, url := range map[string]string{
		"an unknown engine": "memcached://u:s3cret@host",
		"what is no URL":    "redis://u:s3cret@%zz",
		"a bad database":    "redis://u:s3cret@host/db",
	} {
		t.Run(name, func(t *testing.T) {
			s, err := shared.Open(t.Context(), url, nil, slog.New(slog.DiscardHandler))
			if err == nil {
				s.Close()
				t.Fatalf("Open(%q) succeeded", url)
			}
			if strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "store") {
				t.Errorf("Open(%q): %v: want it to name the store and not the password", url, err)
			}
		})
	}
}
