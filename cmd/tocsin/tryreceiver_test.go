package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/api"
	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/deliver"
)

// Every channel of a receiver gets the message whatever becomes of the others, and says what became of it.
func TestTryReceiver(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tocsin.yaml")
	text := "receivers: [{name: sec, stdout_configs: [{}]}]\nroute: {receiver: sec}\nrender: {language: en}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := configs.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	var got []pipeline.Notification
	channel := func(receiver string, err error) deliver.Channel {
		return deliver.Channel{
			Receiver: receiver,
			Render: func(n pipeline.Notification) (pipeline.Message, error) {
				if err == nil {
					got = append(got, n)
				}
				return pipeline.Message{ID: n.ID}, nil
			},
			Notify: func(context.Context, pipeline.Message) error {
				if errors.Is(err, errPanics) {
					panic("nil map")
				}
				return err
			},
		}
	}
	p := &plan{cfg: cfg, host: "node-1", channels: map[string]deliver.Channel{
		"sec.wecom-1":    channel("sec", nil),
		"sec.wecom-2":    channel("sec", &pipeline.DeliveryError{Class: pipeline.ChannelDown, Receiver: "sec", Err: errors.New("errcode 93000: the key is wrong, or the robot was removed from its group")}),
		"sec.dingtalk-3": channel("sec", errPanics),
		"ops.wecom-1":    channel("ops", nil),
	}}
	tried, err := p.tryReceiver(t.Context(), "sec", "")
	if err != nil || len(tried) != 3 {
		t.Fatalf("tryReceiver = %+v, %v", tried, err)
	}
	for i, want := range []api.Tried{{Channel: "dingtalk-3", Answer: "panic: nil map"}, {Channel: "wecom-1", Taken: true, Answer: "taken"}, {Channel: "wecom-2", Answer: "whole key"}} {
		if tried[i].Channel != want.Channel || tried[i].Taken != want.Taken || !strings.Contains(tried[i].Answer, want.Answer) {
			t.Errorf("tried %+v, want %+v", tried[i], want)
		}
	}
	if len(got) != 1 || got[0].Receiver != "sec" || got[0].Integration != "sec.wecom-1" || got[0].Alerts[0].Rule != "测试 Test" {
		t.Errorf("the channel that takes it got %+v, want one test message", got)
	}
	var out strings.Builder
	if err := printTried(&out, tried); err == nil || err.Error() != "2 of 3 channels did not take the message" {
		t.Errorf("printTried = %v", err)
	}
	if err := printTried(&out, tried[1:2]); err != nil {
		t.Errorf("printTried of what was taken = %v", err)
	}
	for name, c := range map[string][3]string{
		"a receiver that is not there": {"nobody", "", "the configuration has sec"},
		"a kind that it has not":       {"sec", "email", `no channel of kind "email"`},
	} {
		_, err := p.tryReceiver(t.Context(), c[0], c[1])
		coded, ok := err.(interface{ HTTPStatus() int })
		if !ok || coded.HTTPStatus() != 404 || !strings.Contains(err.Error(), c[2]) {
			t.Errorf("%s: %v, want 404 and %q", name, err, c[2])
		}
	}
}

var errPanics = errors.New("panics")
