package access

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNewTokenAndItsLine(t *testing.T) {
	expires := time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC)
	token, line, err := NewToken("ci", Scopes{Intake, Read}, expires)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(line, token) {
		t.Fatalf("the line %q holds the token", line)
	}
	all, err := ParseTokens(strings.NewReader("# comment\n\n" + line + "\n"))
	if err != nil || len(all) != 1 {
		t.Fatalf("ParseTokens(%q) = %v, %v", line, all, err)
	}
	got := find(all, token)
	if got == nil || got.Name != "ci" || !slices.Equal(got.Scopes, Scopes{Intake, Read}) || !got.Expires.Equal(expires) || got.Plain != "" {
		t.Errorf("the line %q is %+v, want ci, intake and read, until 2030", line, got)
	}
	if find(all, token+"x") != nil || find(all, "") != nil {
		t.Error("another token is taken for it")
	}
	other, _, err := NewToken("ci", Scopes{Intake}, time.Time{})
	if err != nil || other == token {
		t.Errorf("a second token is the first one, or %v", err)
	}
	if _, _, err := NewToken("a b", Scopes{Intake}, time.Time{}); err == nil {
		t.Error("a name with a blank is taken: its line would not be read")
	}
}

func TestParseTokens(t *testing.T) {
	sum := sha256.Sum256([]byte("t"))
	hash := "sha256:" + hex.EncodeToString(sum[:])
	for name, c := range map[string]struct {
		file string
		want string // part of the error; "" for none
	}{
		"a token alone, as it was":      {"secret-token\n", ""},
		"name, scopes and hash":         {"ci intake,read " + hash, ""},
		"with a date":                   {"ci intake " + hash + " expires=2027-01-31", ""},
		"with a date and a time":        {"ci intake " + hash + " expires=2027-01-31T10:00:00+08:00", ""},
		"two words":                     {"# a\nci intake", "line 2: write NAME SCOPES HASH"},
		"five words":                    {"a b c d e", "line 1: write NAME"},
		"a scope nobody has":            {"ci post " + hash, `unknown scope "post": use some of intake,read,write,admin`},
		"a hash that is none":           {"ci intake md5:00", "third word is no hash"},
		"a hash that is too short":      {"ci intake sha256:00", "third word is no hash"},
		"the token in the hash's place": {"ci intake my-secret", "third word is no hash"},
		"a hash alone":                  {hash, "a hash alone"},
		"a name that breaks the log":    {"c=i intake " + hash, "no name"},
		"a date that is none":           {"ci intake " + hash + " expires=tomorrow", `"tomorrow" is no date`},
		"something else than a date":    {"ci intake " + hash + " until=2027-01-31", "not expires=DATE"},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := ParseTokens(strings.NewReader(c.file))
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("ParseTokens(%q) = %v, want %q", c.file, err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "my-secret") {
				t.Errorf("the error shows the secret: %v", err)
			}
			if err == nil && len(all) != 1 {
				t.Errorf("ParseTokens(%q) = %d tokens, want 1", c.file, len(all))
			}
		})
	}
	if all, err := ParseTokens(strings.NewReader("plain-one")); err != nil || !all[0].Scopes.Has(Write) || all[0].Plain != "plain-one" {
		t.Errorf("a token alone is %+v, %v; want all scopes", all, err)
	}
}

// Whatever a file holds: an error or tokens, each with a name, scopes and a digest.
func FuzzParseTokens(f *testing.F) {
	f.Add("ci intake sha256:" + strings.Repeat("0f", 32) + " expires=2027-01-31\nplain\n# x\n")
	f.Add("a,b intake,read x\x00y")
	f.Fuzz(func(t *testing.T, file string) {
		all, err := ParseTokens(strings.NewReader(file))
		if err != nil && all != nil {
			t.Fatalf("ParseTokens(%q): tokens and an error", file)
		}
		for _, token := range all {
			if token.Name == "" || token.Scopes.Validate() != nil || token.Digest == [32]byte{} && token.Plain != "" {
				t.Fatalf("ParseTokens(%q) has %+v", file, token)
			}
		}
	})
}

func FuzzParseUsers(f *testing.F) {
	f.Add("anna:$2y$04$abcdefghijklmnopqrstuuG8yRQK3sVNxk0l9r0sGz8bQ4m6rjyvS:read\n")
	f.Fuzz(func(t *testing.T, file string) {
		users, err := ParseUsers(strings.NewReader(file))
		if err != nil && users != nil {
			t.Fatalf("ParseUsers(%q): users and an error", file)
		}
		for _, u := range users {
			if u.Name == "" || u.Scopes.Validate() != nil || len(u.Hash) == 0 {
				t.Fatalf("ParseUsers(%q) has %+v", file, u)
			}
		}
	})
}
