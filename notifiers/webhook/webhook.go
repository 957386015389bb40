// Package webhook posts to any address: Alertmanager's webhook payload, version 4, or one that the configuration makes, both
// of which are rendered before they get here (stages/render); or alerts as Falco's events or CloudEvents, one request each.
package webhook

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Webhook posts to one address. It is safe for concurrent use.
type Webhook struct {
	cfg       Config
	id        string
	method    string
	url       *url.URL
	header    http.Header
	maxAlerts int
	sign      *signer // nil: nothing is signed
	client    *notifiers.Client
	parts     notifiers.Parts
	log       *slog.Logger
	now       func() time.Time
}

var _ pipeline.Notifier = (*Webhook)(nil)

// New returns a webhook for one entry of receiver's webhook_configs.
func New(cfg Config, receiver string, log *slog.Logger) (*Webhook, error) {
	fail := func(err error) (*Webhook, error) {
		return nil, fmt.Errorf("webhook_configs of receiver %q: %w", receiver, err)
	}
	if err := cfg.Validate(); err != nil {
		return fail(err)
	}
	to, err := cfg.HTTPConfig.Address("url", cfg.URL, cfg.URLFile)
	if err != nil {
		return fail(err)
	}
	to.Config.Timeout = time.Duration(cfg.Timeout)
	sign, secrets, err := newSigner(cfg.Signing)
	if err != nil {
		return fail(err)
	}
	to.Config.Secrets = append(to.Config.Secrets, secrets...)
	return &Webhook{
		cfg:       cfg,
		sign:      sign,
		now:       time.Now,
		id:        notifiers.ID("webhook", to.URL.String()),
		method:    cmp.Or(cfg.Method, http.MethodPost),
		url:       to.URL,
		header:    to.Header,
		maxAlerts: cfg.MaxAlerts,
		client:    notifiers.NewClient(receiver, to.URL, to.Config),
		log:       log.With("receiver", receiver),
	}, nil
}

// ID names the address: the same for every entry that posts to it.
func (w *Webhook) ID() string { return w.id }

// Notify posts what the format makes of the message: one request, or one for each alert. When one fails, those behind it
// are not sent, and the next attempt sends only what is missing.
func (w *Webhook) Notify(ctx context.Context, m pipeline.Message) error {
	posts, err := w.posts(m)
	if err != nil {
		return w.client.Fail(pipeline.BadMessage, err)
	}
	for _, p := range posts {
		if err = w.post(ctx, m, p); err != nil {
			break
		}
	}
	w.parts.Settle(m.ID, err)
	return err
}

// post is one request.
type post struct {
	id     string // the same on every attempt, so that the other side can drop what it has already
	body   []byte
	header http.Header // beside those of all
}

// post posts one request, unless an earlier attempt did. A payload that is too large goes in halves, the second after the
// first.
func (w *Webhook) post(ctx context.Context, m pipeline.Message, p post) error {
	if w.parts.Sent(m.ID, p.id) {
		return nil
	}
	header := w.header.Clone()
	for name, values := range p.header {
		header[name] = values
	}
	now := w.now()
	header.Set("Webhook-Id", p.id)
	header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	if m.Attempt > 0 {
		header.Set("Tocsin-Delivery-Attempt", strconv.Itoa(m.Attempt))
	}
	if m.Again {
		header.Set("Tocsin-Again", "true")
	}
	if w.sign != nil {
		w.sign.sign(header, p.id, now, p.body)
	}
	answer, err := w.client.Send(ctx, w.method, w.url, p.body, header)
	if err != nil && answer.Status == http.StatusRequestEntityTooLarge {
		if halves, ok := halved(p); ok {
			w.log.Warn("a webhook refused a payload as too large; it goes in halves", "bytes", len(p.body))
			if err = w.post(ctx, m, halves[0]); err == nil {
				err = w.post(ctx, m, halves[1])
			}
			return err
		}
	}
	if err == nil {
		w.parts.Add(m.ID, p.id)
		w.log.Debug("webhook posted")
	}
	return err
}
