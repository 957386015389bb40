package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/tocsin-security/tocsin/notifiers/stdout"
	"github.com/tocsin-security/tocsin/notifiers/wechat"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/deliver"
	"github.com/tocsin-security/tocsin/stages/render"
	"github.com/tocsin-security/tocsin/stages/route"
)

// buildDelivery makes the routing tree, the renderer and a notifier for every entry of every receiver.
func (p *plan) buildDelivery(opts options, out io.Writer, log *slog.Logger) error {
	cfg := p.cfg.Render
	cfg.Files = append(append([]string{}, cfg.Files...), p.cfg.Templates...)
	cfg.Links = p.linksOf(p.cfg)
	renderer, err := render.New(cfg, p.cfg.Dir)
	if err != nil {
		return err
	}
	p.channels, p.fallbacks = map[string]deliver.Channel{}, map[string]fallback{}
	apps := wechat.NewApps()
	var receivers []route.Receiver
	var errs error
	prints := false
	for _, r := range p.cfg.Receivers {
		integrations, err := integrationsOf(r, p.cfg.Global, apps, p.cfg.DataDir, opts.output, out, log)
		channels, err2 := p.addReceiver(r.Name, integrations, r.Fallback != "", renderer)
		errs = errors.Join(errs, err, err2)
		receivers = append(receivers, route.Receiver{Name: r.Name, Integrations: channels})
		if r.Fallback != "" {
			p.fallbacks[r.Name] = fallback{receiver: r.Fallback}
		}
		prints = prints || len(r.Stdout) > 0
	}
	if errs != nil {
		return errs
	}
	shareLimits(p.channels)
	p.setFallbacks(receivers)
	if err = p.buildRouting(receivers, log); err != nil {
		return err
	}
	if !prints {
		p.show, err = printer(opts.output, out, log)
	}
	return err
}

// addReceiver checks the texts of a receiver's integrations and gives each a name of its own, which is
// that of its queue on the bus.
func (p *plan) addReceiver(receiver string, integrations []integration, fallsBack bool, renderer *render.Renderer) (all []route.Integration, errs error) {
	for _, i := range integrations {
		if err := renderer.Check(i.spec); err != nil {
			errs = errors.Join(errs, fmt.Errorf("receiver %q: %w", receiver, err))
		}
		name := receiver + "." + i.notifier.ID()
		if _, twice := p.channels[name]; twice {
			errs = errors.Join(errs, fmt.Errorf("receiver %q: two %s entries with one address: remove one, or make it a receiver of its own", receiver, i.spec.Kind))
		}
		p.channels[name] = channelOf(receiver, p.calling(renderer, i), i, fallsBack)
		all = append(all, route.Integration{Topic: name, SendResolved: i.sendResolved})
	}
	return all, errs
}

// limited is a notifier of which only so much is asked.
type limited interface{ Limits() []pipeline.Limit }

// ofRobot is one whose quota is not its own.
type ofRobot interface{ Robot() string }

// costly is one whose messages may take several requests.
type costly interface{ Cost(pipeline.Message) int }

// personal is one whose readers have a quota each.
type personal interface {
	Readers(pipeline.Message) []string
}

// channelOf is the way of a notification through render to its channel.
func channelOf(receiver string, render func(pipeline.Notification) (pipeline.Message, error), i integration, fallsBack bool) deliver.Channel {
	c := deliver.Channel{
		Render:   render,
		Notify:   i.notifier.Notify,
		Robot:    i.notifier.ID(),
		Receiver: receiver,
		Fallback: fallsBack,
	}
	if l, ok := i.notifier.(limited); ok {
		c.Limits = l.Limits()
	}
	if l, ok := i.notifier.(ofRobot); ok {
		c.Robot = l.Robot()
	}
	if l, ok := i.notifier.(personal); ok {
		c.Readers = l.Readers
	}
	if l, ok := i.notifier.(costly); ok {
		c.Cost = l.Cost
	}
	return c
}

// printer shows alerts at the terminal, for configurations whose receivers do not.
func printer(format string, out io.Writer, log *slog.Logger) (func(context.Context, []pipeline.Alert), error) {
	stream, err := newStream(format, "terminal", out)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, alerts []pipeline.Alert) {
		if err := stream.Notify(ctx, pipeline.Message{Alerts: alerts}); err != nil {
			log.Warn("alerts could not be printed; their receivers get them all the same", "err", err)
		}
	}, nil
}

func newStream(format, receiver string, out io.Writer) (*stdout.Stream, error) {
	cfg := stdout.DefaultConfig()
	if format != "" {
		cfg.Format = format
	}
	return stdout.New(cfg, receiver, out)
}
