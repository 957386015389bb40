package link

import (
	"encoding/base64"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store"
	"github.com/tocsin-security/tocsin/store/documents"
	"github.com/tocsin-security/tocsin/store/shared"
	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

var t0 = time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)

func signer(secret string) *Signer {
	s := &Signer{}
	s.SetSecrets([]byte(secret))
	return s
}

func TestATokenIsForOneThing(t *testing.T) {
	s, until := signer("0123456789abcdef"), t0.Add(time.Hour)
	token := s.Token(Ack, 0xc0ffee, until)
	if of, ends, err := s.Read(Ack, token, t0); err != nil || of != 0xc0ffee || !ends.Equal(until) || len(token) != 40 {
		t.Fatalf("Read(%s) = %s, %s, %v", token, of, ends, err)
	}
	for name, c := range map[string]struct {
		signer  *Signer
		purpose string
		token   string
		now     time.Time
		want    error
	}{
		"another purpose":   {s, Silence, token, t0, ErrForged},
		"no purpose":        {s, "", token, t0, ErrForged},
		"another secret":    {signer("0123456789abcdeX"), Ack, token, t0, ErrForged},
		"no secret yet":     {&Signer{}, Ack, token, t0, ErrNoSecret},
		"nothing":           {s, Ack, "", t0, ErrForged},
		"something longer":  {s, Ack, token + "AAAA", t0, ErrForged},
		"cut":               {s, Ack, token[:36], t0, ErrForged},
		"its last second":   {s, Ack, token, until.Add(-time.Second), nil},
		"too late":          {s, Ack, token, until, ErrExpired},
		"too late and ours": {s, Silence, s.Token(Silence, 1, t0.Add(-1)), t0, ErrExpired},
	} {
		if _, _, err := c.signer.Read(c.purpose, c.token, c.now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if token := (&Signer{}).Token(Ack, 1, until); token != "" {
		t.Errorf("without a secret a token was made: %s", token)
	}
}

func TestNoBitOfATokenCanBeChanged(t *testing.T) {
	s := signer("0123456789abcdef")
	raw, err := base64.RawURLEncoding.DecodeString(s.Token(Ack, 0xc0ffee, t0.Add(time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(raw) {
		raw[bit/8] ^= 1 << (bit % 8)
		if of, _, err := s.Read(Ack, base64.RawURLEncoding.EncodeToString(raw), t0); !errors.Is(err, ErrForged) {
			t.Errorf("with bit %d changed: %s, %v", bit, of, err)
		}
		raw[bit/8] ^= 1 << (bit % 8)
	}
}

// Nothing is taken but what was made.
func FuzzRead(f *testing.F) {
	s := signer("0123456789abcdef")
	made := s.Token(Ack, 0xc0ffee, t0.Add(time.Hour))
	f.Add(made)
	f.Add(made[:39] + "_")
	f.Add("")
	f.Add("AQEAAAAAAMD_7mpE4oA")
	f.Fuzz(func(t *testing.T, token string) {
		of, until, err := s.Read(Ack, token, t0)
		if err == nil && s.Token(Ack, of, until) != token {
			t.Fatalf("Read(%q) = %s until %s, which has another token", token, of, until)
		}
	})
}

// Routers on one store, and those that come later, have one secret.
func TestSecretIsShared(t *testing.T) {
	server := redistest.Start(t)
	redis := func() pipeline.Documents {
		s, err := shared.Open(t.Context(), server.URL()+"?timeout=20s", documents.Scripts(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return documents.New(s, "link", 10)
	}
	file, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	for name, open := range map[string]func() pipeline.Documents{
		"in redis": redis, "in a file": func() pipeline.Documents { return file.Documents("link", 10) },
	} {
		var signers []*Signer
		errs := make(chan error)
		for range 8 {
			signers = append(signers, &Signer{})
		}
		share := func() {
			for _, s := range signers {
				docs := open()
				go func() { errs <- s.Share(t.Context(), docs) }()
			}
			for range signers {
				if err := <-errs; err != nil {
					t.Fatal(err)
				}
			}
		}
		share()
		var early []string
		for _, s := range signers {
			early = append(early, s.Token(Ack, 1, t0.Add(time.Hour)))
		}
		share()
		for i, s := range signers {
			if got, want := s.Token(Ack, 1, t0), signers[0].Token(Ack, 1, t0); got != want {
				t.Errorf("%s: signer %d makes other tokens than the first", name, i)
			}
			for j, token := range early {
				if _, _, err := s.Read(Ack, token, t0); err != nil {
					t.Errorf("%s: signer %d does not know what %d made early: %v", name, i, j, err)
				}
			}
		}
	}
}
