package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/notifiers/dingtalk"
	"github.com/tocsin-security/tocsin/notifiers/email"
	"github.com/tocsin-security/tocsin/notifiers/feishu"
	"github.com/tocsin-security/tocsin/notifiers/file"
	"github.com/tocsin-security/tocsin/notifiers/slack"
	"github.com/tocsin-security/tocsin/notifiers/webhook"
	"github.com/tocsin-security/tocsin/notifiers/wechat"
	"github.com/tocsin-security/tocsin/notifiers/wecom"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/render"
)

// channel is what every kind of notifier is: it delivers, and names itself by its address, so that its
// queue stays the same when entries are reordered.
type channel interface {
	pipeline.Notifier
	ID() string
}

// integration is one entry of a receiver: a channel and what its messages look like.
type integration struct {
	spec         render.Spec
	notifier     channel
	sendResolved bool
}

// integrationsOf is the one place that knows which kinds of receiver there are.
func integrationsOf(r configs.Receiver, global configs.Global, apps *wechat.Apps, dataDir, output string, out io.Writer, log *slog.Logger) ([]integration, error) {
	var all []integration
	var errs error
	add := func(spec notifiers.Spec, sendResolved bool, n channel, err error) {
		if err != nil {
			errs = errors.Join(errs, fmt.Errorf("receiver %q: %w", r.Name, err))
			return
		}
		all = append(all, integration{spec: render.Spec(spec), notifier: n, sendResolved: sendResolved})
	}
	for _, c := range r.WeCom {
		c.HTTPConfig = c.HTTPConfig.Through(global.HTTPConfig)
		n, err := wecom.New(c, r.Name, log)
		add(c.Spec(), c.SendResolved, n, err)
	}
	for _, c := range r.WeChat {
		c = c.Merge(global.WeChat)
		c.HTTPConfig = c.HTTPConfig.Through(global.HTTPConfig)
		n, err := wechat.New(c, r.Name, apps, log)
		add(c.Spec(), c.SendResolved, n, err)
	}
	for _, c := range r.DingTalk {
		c.HTTPConfig = c.HTTPConfig.Through(global.HTTPConfig)
		n, err := dingtalk.New(c, r.Name, log)
		add(c.Spec(), c.SendResolved, n, err)
	}
	for _, c := range r.Feishu {
		c.HTTPConfig = c.HTTPConfig.Through(global.HTTPConfig)
		n, err := feishu.New(c, r.Name, log)
		add(c.Spec(), c.SendResolved, n, err)
	}
	for _, c := range r.Slack {
		c = c.Merge(global.Slack)
		c.HTTPConfig = c.HTTPConfig.Through(global.HTTPConfig)
		n, err := slack.New(c, r.Name, log)
		add(c.Spec(), c.SendResolved, n, err)
	}
	for _, c := range r.Email {
		c = c.Merge(global.Global)
		n, err := email.New(c, r.Name, log)
		add(c.Spec(), c.SendResolved, n, err)
	}
	for _, c := range r.Webhook {
		c.HTTPConfig = c.HTTPConfig.Over(global.HTTPConfig)
		n, err := webhook.New(c, r.Name, log)
		add(c.Spec(), c.SendResolved, n, err)
	}
	for _, c := range r.File {
		n, err := file.New(c, r.Name, dataDir)
		add(c.Spec(), c.SendResolved, n, err)
	}
	for _, c := range r.Stdout {
		if c.Format == "" || c.Format == "auto" {
			c.Format = output
		}
		n, err := newStream(c.Format, r.Name, out)
		add(c.Spec(), c.SendResolved, n, err)
	}
	return all, errs
}
