package api

import (
	"os"
	"path/filepath"
	"testing"
)

// Who says no name is known by that of their token.
func TestCallersAreNamed(t *testing.T) {
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, []byte("good-token-good-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	people := &fakePeople{}
	base := start(t, func(c *Config, d *Deps) {
		c.Auth.TokensFile = tokens
		d.People = people
	})
	for _, c := range []struct{ body, want string }{{`{"by":"li.na"}`, "li.na"}, {`{}`, "line-1"}} {
		if status, answer, _ := request(t, "POST", base+"/api/v1/alerts/00c0ffee00c0ffee/ack", c.body, "Authorization", "Bearer good-token-good-token"); status != 200 {
			t.Fatalf("POST = %d %s", status, answer)
		}
		if by := people.acks[len(people.acks)-1].By; by != c.want {
			t.Errorf("%s: acknowledged by %q, want %q", c.body, by, c.want)
		}
	}
	anonymous := &fakePeople{}
	base = start(t, func(_ *Config, d *Deps) { d.People = anonymous })
	if request(t, "POST", base+"/api/v1/alerts/00c0ffee00c0ffee/ack", `{}`); anonymous.acks[0].By != "" {
		t.Errorf("somebody unknown is named %q", anonymous.acks[0].By)
	}
}
