package api

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/api/access"
)

func TestTryReceiver(t *testing.T) {
	file, tokens := tokensFile(t, access.Scopes{scopeAdmin}, access.Scopes{scopeWrite})
	asked := ""
	try := func(_ context.Context, receiver, kind string) ([]Tried, error) {
		asked = receiver + " " + kind
		if receiver == "nobody" {
			return nil, coded{404, "no receiver"}
		}
		return []Tried{{Channel: "wecom-1", Answer: "errcode 93000"}}, nil
	}
	base := start(t, func(cfg *Config, d *Deps) { cfg.Auth.TokensFile, d.Try = file, try })
	for name, c := range map[string]struct {
		receiver, query, token string
		status                 int
		want, asked            string
	}{
		"a receiver":                  {"sec", "", tokens[0], 200, `[{"channel":"wecom-1","taken":false,"answer":"errcode 93000"}]`, "sec "},
		"a kind, and a name as it is": {"值守/一组 %", "?kind=wecom", tokens[0], 200, "wecom-1", "值守/一组 % wecom"},
		"one that is not there":       {"nobody", "", tokens[0], 404, "no receiver", "nobody "},
		"who may only write":          {"sec", "", tokens[1], 403, "needs the scope admin", ""},
	} {
		t.Run(name, func(t *testing.T) {
			asked = ""
			address := base + "/api/v1/receivers/" + url.PathEscape(c.receiver) + "/test" + c.query
			status, answer, _ := request(t, "POST", address, "", "Authorization", "Bearer "+c.token)
			if status != c.status || !strings.Contains(answer, c.want) || asked != c.asked {
				t.Errorf("POST = %d %s, asked %q; want %d %s, %q", status, answer, asked, c.status, c.want, c.asked)
			}
		})
	}
}

func TestASensorHasNoReceivers(t *testing.T) {
	base := start(t, nil)
	if status, answer, _ := request(t, "POST", base+"/api/v1/receivers/sec/test", ""); status != 404 || !strings.Contains(answer, "routers") {
		t.Errorf("POST = %d %s", status, answer)
	}
}
