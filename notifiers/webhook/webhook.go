// Package webhook posts Alertmanager's webhook payload, version 4, to any address.
//
// The payload is rendered before it gets here (stages/render); this package cuts it to max_alerts and
// delivers it.
package webhook

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Config is one entry of webhook_configs.
type Config struct {
	SendResolved bool                 `yaml:"send_resolved"` // default true
	URL          pipeline.Secret      `yaml:"url"`
	URLFile      string               `yaml:"url_file"`   // a file that holds it; excludes url
	Method       string               `yaml:"method"`     // ours: POST (default) or PUT
	MaxAlerts    int                  `yaml:"max_alerts"` // most alerts in one payload; 0, the default, means all
	Timeout      pipeline.Duration    `yaml:"timeout"`    // of one attempt; 0, the default, means 10s
	HTTPConfig   notifiers.HTTPConfig `yaml:"http_config"`
}

// DefaultConfig is what an entry starts from.
func DefaultConfig() Config { return Config{SendResolved: true} }

// UnmarshalYAML reads an entry over the defaults.
func (c *Config) UnmarshalYAML(unmarshal func(any) error) error {
	*c = DefaultConfig()
	type plain Config
	return unmarshal((*plain)(c))
}

// Validate checks the entry without reading files.
func (c Config) Validate() error {
	if c.URL == "" && c.URLFile == "" {
		return errors.New("url is missing")
	}
	if err := notifiers.OneOf("url", c.URL, c.URLFile); err != nil {
		return err
	}
	if c.URL != "" {
		if _, err := notifiers.ParseURL(c.URL); err != nil {
			return err
		}
	}
	if c.Method != "" && c.Method != http.MethodPost && c.Method != http.MethodPut {
		return fmt.Errorf("method: %q is neither POST nor PUT", c.Method)
	}
	if c.MaxAlerts < 0 {
		return fmt.Errorf("max_alerts %d: use 0 for all, or a number above", c.MaxAlerts)
	}
	return c.HTTPConfig.Validate()
}

// Spec is what the entry wants its messages made of.
func (c Config) Spec() notifiers.Spec { return notifiers.Spec{Kind: "webhook"} }

// Webhook posts to one address. It is safe for concurrent use.
type Webhook struct {
	id        string
	method    string
	url       *url.URL
	header    http.Header
	maxAlerts int
	client    *notifiers.Client
	log       *slog.Logger
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
	address, err := notifiers.ReadSecret("url", cfg.URL, cfg.URLFile)
	if err != nil {
		return fail(err)
	}
	u, err := notifiers.ParseURL(address)
	if err != nil {
		return fail(err)
	}
	client, header, err := cfg.HTTPConfig.Client()
	if err != nil {
		return fail(err)
	}
	client.Timeout = time.Duration(cfg.Timeout)
	return &Webhook{
		id:        notifiers.ID("webhook", u.String()),
		method:    cmp.Or(cfg.Method, http.MethodPost),
		url:       u,
		header:    header,
		maxAlerts: cfg.MaxAlerts,
		client:    notifiers.NewClient(receiver, u, client),
		log:       log.With("receiver", receiver),
	}, nil
}

// ID names the address: the same for every entry that posts to it.
func (w *Webhook) ID() string { return w.id }

// Notify posts the payload. Webhook-Id is the same on every attempt, so that the other side can drop
// what it has already; Tocsin-Again says that it may have it.
func (w *Webhook) Notify(ctx context.Context, m pipeline.Message) error {
	body, err := truncated(m.Payload, w.maxAlerts)
	if err != nil {
		return w.client.Fail(pipeline.BadMessage, fmt.Errorf("cut the payload to %d alerts: %w", w.maxAlerts, err))
	}
	header := w.header.Clone()
	header.Set("Webhook-Id", m.ID)
	header.Set("Webhook-Timestamp", strconv.FormatInt(time.Now().Unix(), 10))
	if m.Attempt > 0 {
		header.Set("Tocsin-Delivery-Attempt", strconv.Itoa(m.Attempt))
	}
	if m.Again {
		header.Set("Tocsin-Again", "true")
	}
	if _, err := w.client.Send(ctx, w.method, w.url, body, header); err != nil {
		return err
	}
	w.log.Debug("webhook posted")
	return nil
}

// truncated leaves most alerts in the payload, the most severe ones, and says how many are gone. What
// stays keeps its bytes.
func truncated(payload []byte, most int) ([]byte, error) {
	if most == 0 {
		return payload, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(payload, &fields); err != nil {
		return nil, err
	}
	var alerts []json.RawMessage
	if err := json.Unmarshal(fields["alerts"], &alerts); err != nil {
		return nil, err
	}
	if len(alerts) <= most {
		return payload, nil
	}
	kept, err := notifiers.EncodeJSON(alerts[:most])
	if err != nil {
		return nil, err
	}
	fields["alerts"] = kept
	fields["truncatedAlerts"] = fmt.Append(nil, len(alerts)-most)
	return notifiers.EncodeJSON(fields)
}
