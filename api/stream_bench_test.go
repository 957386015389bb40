package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin-security/tocsin/pipeline"
)

// nowhere takes everything and keeps nothing.
type nowhere struct{}

func (nowhere) PublishAlerts(context.Context, []pipeline.Alert) error { return nil }
func (nowhere) PublishEventsAs(context.Context, string, []string, []json.RawMessage) error {
	return nil
}

// What a stream costs besides storing: an event is a line of some 170 bytes, over HTTP on loopback.
func BenchmarkStream(b *testing.B) {
	cfg := DefaultConfig()
	cfg.Listen = "127.0.0.1:0"
	s, err := New(cfg, Deps{Intake: nowhere{}, Sources: func() []string { return []string{"json"} }, Gatherer: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() { cancel(); <-done }()
	const lines = 10_000
	for _, c := range []struct{ path, line string }{
		{"events", `{"type":"login","country":"US","user":{"name":"li","age":20},"ok":true,"host":"web-1","time":"2026-11-23T10:00:00Z","session":"5f0c1a2b3c4d5e6f","tags":["a","b"],"n":17}`},
		{"tetragon", `{"process_exec":{"process":{"binary":"/bin/sh","arguments":"-c id","uid":0,"pid":7},"parent":{"binary":"/usr/bin/runc"}},"node_name":"n1","time":"2026-11-23T10:00:00Z"}`},
	} {
		b.Run(c.path, func(b *testing.B) {
			body := strings.Repeat(c.line+"\n", lines)
			b.ReportAllocs()
			for b.Loop() {
				resp, err := http.Post("http://"+s.Addr()+"/api/v1/"+c.path, ndjson, strings.NewReader(body))
				if err != nil || resp.StatusCode != http.StatusAccepted {
					b.Fatal(resp, err)
				}
				resp.Body.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/lines, "ns/event")
		})
	}
}
