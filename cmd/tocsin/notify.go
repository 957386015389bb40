package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/deliver"
)

// newNotifyCommand holds what is about channels.
func newNotifyCommand(logger func() (*slog.Logger, error)) *cobra.Command {
	return parentCommand("notify", "Try the channels of a receiver", newNotifyTestCommand(logger))
}

// notifyTimeout bounds one channel's test.
const notifyTimeout = 30 * time.Second

func newNotifyTestCommand(logger func() (*slog.Logger, error)) *cobra.Command {
	var config, kind string
	cmd := &cobra.Command{
		Use:   "test RECEIVER",
		Short: "Send a test message over every channel of a receiver, and say what each answered",
		Long: "Send a message that says it is a test over every channel of a receiver, from here and at once, and say in plain words\n" +
			"what each answered and what to do about it. Who the receiver mentions is mentioned. It costs each robot one message of\n" +
			"its quota, of which a tocsin that runs does not know. Exit code 1: a channel did not take it.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			log, err := logger()
			if err != nil {
				return err
			}
			p, err := newPlan(options{config: config, output: "json"}, nil, io.Discard, log)
			if err != nil {
				return err
			}
			return p.tryReceiver(cmd.Context(), cmd.OutOrStdout(), args[0], kind)
		},
	}
	cmd.Flags().StringVar(&config, "config", "", "configuration file (default: the embedded one)")
	cmd.Flags().StringVar(&kind, "kind", "", "only channels of this kind: wecom, dingtalk, feishu, email, …")
	return cmd
}

// tryReceiver sends a test message over the channels of a receiver.
func (p *plan) tryReceiver(ctx context.Context, out io.Writer, receiver, kind string) error {
	if !slices.ContainsFunc(slices.Collect(maps.Values(p.channels)), func(c deliver.Channel) bool { return c.Receiver == receiver }) {
		var names []string
		for _, r := range p.cfg.Receivers {
			names = append(names, r.Name)
		}
		return fmt.Errorf("receiver %q has no channels, or is not there: the configuration has %s", receiver, strings.Join(names, ", "))
	}
	tried, failed := 0, 0
	for _, integration := range slices.Sorted(maps.Keys(p.channels)) {
		c := p.channels[integration]
		name := strings.TrimPrefix(integration, receiver+".")
		if c.Receiver != receiver || kind != "" && !strings.HasPrefix(name, kind+"-") {
			continue
		}
		tried++
		err := tryChannel(ctx, &c, testNotification(receiver, integration, p.host))
		text := name + ": " + took[p.zh()]
		if err != nil {
			failed++
			text = name + ": " + plainly(err, p.zh())
		}
		if _, err := fmt.Fprintln(out, text); err != nil {
			return err
		}
	}
	switch {
	case tried == 0:
		return fmt.Errorf("receiver %q has no channel of kind %q", receiver, kind)
	case failed > 0:
		return fmt.Errorf("%d of %d channels did not take the message", failed, tried)
	}
	return nil
}

// zh reports whether people here read Chinese.
func (p *plan) zh() bool { return p.cfg.Render.Language != "en" }

// took says that a channel took the message; by whether in Chinese.
var took = map[bool]string{true: "已送达渠道", false: "taken"}

func tryChannel(ctx context.Context, c *deliver.Channel, n pipeline.Notification) error {
	ctx, cancel := context.WithTimeout(ctx, notifyTimeout)
	defer cancel()
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
