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

// A fleet of nodes, each with a stream that stays open, keeps nobody from posting and from looking.
func TestStreamsLeaveRoomForOthers(t *testing.T) {
	intake := &streamIntake{left: -1, batches: make(chan []string, 1)}
	base := start(t, func(cfg *Config, d *Deps) { d.Intake, cfg.MaxRequests = intake, 1 })
	conn, r := openStream(t, base, "")
	chunk(t, conn, "{\"a\":1}\n")
	next(t, intake)
	if status, answer, _ := request(t, "POST", base+"/", falcoBody); status != 202 {
		t.Errorf("beside a stream, Falco is answered %d %s, want 202", status, answer)
	}
	if status, answer, _ := request(t, "POST", base+"/api/v1/events", `{"a":1}`); status != 429 || !strings.Contains(answer, `{"error":"1 requests are worked on already`) {
		t.Errorf("beside as many streams as there may be, another one is answered %d %s, want 429", status, answer)
	}
	chunk(t, conn, "")
	if resp, a := readAnswer(t, r); resp.StatusCode != 202 || a.Accepted != 1 {
		t.Errorf("the stream is answered %d, %+v", resp.StatusCode, a)
	}
}

func TestHeadersAreBounded(t *testing.T) {
	base := start(t, nil)
	if status, _, _ := request(t, "GET", base+"/-/healthy", "", "X-Long", strings.Repeat("x", 128<<10)); status != 431 {
		t.Errorf("a header of 128 KiB is answered %d, want 431", status)
	}
}
