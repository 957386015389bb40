package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/tocsin-security/tocsin/api"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/deliver"
)

// tryTimeout bounds one channel's test: whoever asked a tocsin that runs waits for 30 s.
const tryTimeout = 20 * time.Second

// errNoChannel says that there is nothing to try.
type errNoChannel struct{ error }

// HTTPStatus is what the error means over HTTP.
func (errNoChannel) HTTPStatus() int { return http.StatusNotFound }

// tryReceiver sends a test message over the channels of a receiver side by side, or over those of a kind.
func (p *plan) tryReceiver(ctx context.Context, receiver, kind string) ([]api.Tried, error) {
	var all []string // integrations
	known := false
	for _, integration := range slices.Sorted(maps.Keys(p.channels)) {
		if p.channels[integration].Receiver != receiver {
			continue
		}
		known = true
		if kind == "" || kindOf(receiver, integration) == kind {
			all = append(all, integration)
		}
	}
	switch {
	case !known:
		var names []string
		for _, r := range p.cfg.Receivers {
			names = append(names, r.Name)
		}
		return nil, errNoChannel{fmt.Errorf("receiver %q has no channels, or is not there: the configuration has %s", receiver, strings.Join(names, ", "))}
	case len(all) == 0:
		return nil, errNoChannel{fmt.Errorf("receiver %q has no channel of kind %q", receiver, kind)}
	}
	tried := make([]api.Tried, len(all))
	var under sync.WaitGroup
	for i, integration := range all {
		under.Go(func() {
			c := p.channels[integration]
			tried[i] = api.Tried{Channel: strings.TrimPrefix(integration, receiver+"."), Taken: true, Answer: took[p.zh()]}
			if err := tryChannel(ctx, &c, testNotification(receiver, integration, p.host)); err != nil {
				tried[i].Taken, tried[i].Answer = false, plainly(err, p.zh())
			}
		})
	}
	under.Wait()
	return tried, nil
}

// zh reports whether people here read Chinese.
func (p *plan) zh() bool { return p.cfg.Render.Language != "en" }

// took says that a channel took the message; by whether in Chinese.
var took = map[bool]string{true: "已送达渠道", false: "taken"}

// tryChannel sends n over a channel. A panic is an error: it must not end a tocsin that runs.
func tryChannel(ctx context.Context, c *deliver.Channel, n pipeline.Notification) (err error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	m, err := c.Render(n)
	if err != nil {
		return err
	}
	return c.Notify(ctx, m)
}

// testNotification says what it is, wherever people look.
func testNotification(receiver, integration, host string) pipeline.Notification {
	now := time.Now().UTC()
	who := os.Getenv("USER")
	a := pipeline.Alert{
		ID: uuid.Must(uuid.NewV7()).String(), Time: now, Rule: "测试 Test", Priority: pipeline.Notice, Source: sourceInternal, Hostname: host,
		Output: "test message of `tocsin notify test`, sent by " + who + ": nothing happened", Tags: []string{}, OutputFields: pipeline.Fields{},
		Annotations: map[string]string{
			"summary": "Test", "description": "This is a test message: nothing happened.", "description_zh": "这是一条测试消息，没有发生任何安全事件。",
		},
	}
	a.SetIdentity(nil)
	return pipeline.Notification{
		ID: a.ID, Receiver: receiver, Integration: integration, GroupKey: "test", GroupLabels: map[string]string{}, Reason: "test",
		Alerts: []pipeline.Alert{a}, CreatedAt: now, Attempt: 1,
	}
}

// plainly says what a failure is, what the channel said, and what to do.
func plainly(err error, zh bool) string {
	text := err.Error()
	failure := (*pipeline.DeliveryError)(nil)
	if errors.As(err, &failure) {
		text = failure.Err.Error()
	}
	for _, a := range advices {
		if strings.Contains(text, a.sign) {
			if zh {
				return text + "\n  → " + a.zh
			}
			return text + "\n  → " + a.en
		}
	}
	return text
}
