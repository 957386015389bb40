package main

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/deliver"
)

// A channel that is down is told of by an alert of its own, one for each channel, which says why and since when.
func TestChannelDownIsTold(t *testing.T) {
	told := make(chan pipeline.Alert, 2)
	w := &channelWatch{host: "node-1", durable: &durable{log: slog.New(slog.DiscardHandler), emit: func(a pipeline.Alert) error {
		told <- a
		return nil
	}}}
	since := time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)
	prints := map[pipeline.Fingerprint]bool{}
	for _, integration := range []string{"sec.wecom-1", "sec.dingtalk-1"} {
		w.trouble(deliver.Trouble{Receiver: "sec", Integration: integration, Since: since, Waiting: 7, Err: errors.New("HTTP status 503")})
		a := <-told
		prints[a.Fingerprint] = true
		for _, want := range []string{"receiver sec", integration, "2026-11-26T03:00:00Z", "HTTP status 503", "7 waiting"} {
			if !strings.Contains(a.Output, want) {
				t.Errorf("the alert says %q, want %q in it", a.Output, want)
			}
		}
		if a.Rule != "Channel down" || a.Priority != pipeline.Critical || a.Labels["channel"] != integration {
			t.Errorf("the alert is %+v", a)
		}
	}
	if len(prints) != 2 {
		t.Error("two channels are one thing to dedupe: the second would be kept quiet")
	}
}
