package api

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/api/access"
)

// Those who only pretend to sign, and send slowly, keep nobody else from posting.
func TestStrangersTakeNoPlace(t *testing.T) {
	tokens, token := tokensFile(t, access.Scopes{access.Intake})
	base := start(t, func(cfg *Config, _ *Deps) {
		cfg.Auth = access.Config{TokensFile: tokens, WebhookSecretsFile: writeFile(t, "proxy whsec_"+strings.Repeat("AAAA", 8))}
		cfg.MaxRequests = 1
	})
	for range 4 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "POST /api/v1/events HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n"+
			"Webhook-Id: m\r\nWebhook-Timestamp: %d\r\nWebhook-Signature: v1,AAAA\r\n\r\n", time.Now().Unix())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil { // 100: the body is being read
			t.Fatal(err)
		}
	}
	if status, answer, _ := request(t, "POST", base+"/api/v1/events", `{"a":1}`, "Authorization", "Bearer "+token[0]); status != 202 {
		t.Errorf("who has a token is answered %d %s while strangers send, want 202", status, answer)
	}
}
