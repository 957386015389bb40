package main

import (
	"fmt"
	"testing"

	"github.com/tocsin-security/tocsin/stages/deliver"
)

func TestSuccessorsOfAnIntegration(t *testing.T) {
	p := &plan{channels: map[string]deliver.Channel{
		"sec-chat.wecom-2":    {Receiver: "sec-chat"},
		"sec-chat.wecom-3":    {Receiver: "sec-chat"},
		"sec-chat.dingtalk-1": {Receiver: "sec-chat"},
		"ops.wecom-1":         {Receiver: "ops"},
	}}
	for name, c := range map[string]struct{ receiver, was, want string }{
		"a robot whose key was changed":        {"sec-chat", "sec-chat.wecom-1", "[sec-chat.wecom-2 sec-chat.wecom-3]"},
		"a kind that the receiver has no more": {"sec-chat", "sec-chat.email-1", "[sec-chat.dingtalk-1 sec-chat.wecom-2 sec-chat.wecom-3]"},
		"a name of an older version":           {"ops", "webhook", "[ops.wecom-1]"},
		"a receiver that is gone":              {"nobody", "nobody.wecom-1", "[]"},
	} {
		if got := fmt.Sprint(p.successors(c.receiver, c.was)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
