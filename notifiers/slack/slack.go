package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/templates"
)

const (
	maxText  = 3800 // bytes; Slack shows some 4,000 characters before it folds or cuts
	maxTitle = 256
)

// Webhook posts to one incoming webhook. It is safe for concurrent use.
type Webhook struct {
	cfg    Config
	id     string
	url    *url.URL
	header http.Header
	client *notifiers.Client
	parts  notifiers.Parts
	log    *slog.Logger
}

var _ pipeline.Notifier = (*Webhook)(nil)

// New returns a webhook for one merged entry of receiver's slack_configs.
func New(cfg Config, receiver string, log *slog.Logger) (*Webhook, error) {
	fail := func(err error) (*Webhook, error) {
		return nil, fmt.Errorf("slack_configs of receiver %q: %w", receiver, err)
	}
	if err := cfg.Validate(); err != nil {
		return fail(err)
	}
	to, err := cfg.HTTPConfig.Address("api_url", cfg.APIURL, cfg.APIURLFile)
	if err != nil {
		return fail(err)
	}
	return &Webhook{
		cfg: cfg,
		// One webhook may post to several channels.
		id:     notifiers.ID("slack", to.URL.Path+"\n"+cfg.Channel),
		url:    to.URL,
		header: to.Header,
		client: notifiers.NewClient(receiver, to.URL, to.Config),
		log:    log.With("receiver", receiver),
	}, nil
}

// ID names the webhook and the channel.
func (w *Webhook) ID() string { return w.id }

// Robot names whose quota it is: the webhook's, whatever the channel.
func (w *Webhook) Robot() string { return notifiers.ID("slack", w.url.Path) }

// Limits are how many requests the webhook is to get: Slack takes one a second (api.slack.com, "rate limits").
func (w *Webhook) Limits() []pipeline.Limit { return w.cfg.MaxPerMinute.Limits(limits()) }

// limits are what the channel takes.
func limits() []pipeline.Limit {
	return []pipeline.Limit{{Most: 50, Per: time.Minute}, {Most: 1, Per: time.Second}}
}

// Cost is how many requests a message takes.
func (w *Webhook) Cost(m pipeline.Message) int { return len(split(m)) }

func split(m pipeline.Message) []string {
	return templates.Split(m.Body, m.More, func(part string) bool { return len(part) <= maxText })
}

// Notify posts the message, in parts where it is long. When one fails, those behind it are not sent, and the next attempt
// sends only what is missing.
func (w *Webhook) Notify(ctx context.Context, m pipeline.Message) error {
	return w.parts.Each(m.ID, split(m), func(text string, _ bool) error { return w.post(ctx, w.request(m, text)) })
}

type request struct {
	Channel     string       `json:"channel,omitempty"`
	Username    string       `json:"username,omitempty"`
	IconEmoji   string       `json:"icon_emoji,omitempty"`
	IconURL     string       `json:"icon_url,omitempty"`
	Attachments []attachment `json:"attachments"`
}

type attachment struct {
	Fallback  string   `json:"fallback"` // in push messages
	Color     string   `json:"color"`
	Title     string   `json:"title"`
	TitleLink string   `json:"title_link,omitempty"`
	Text      string   `json:"text"`
	Markup    []string `json:"mrkdwn_in"`
}

func (w *Webhook) request(m pipeline.Message, text string) request {
	title := templates.TruncateBytes(m.Title, maxTitle, "…")
	return request{
		Channel: w.cfg.Channel, Username: w.cfg.Username, IconEmoji: w.cfg.IconEmoji, IconURL: w.cfg.IconURL,
		Attachments: []attachment{{
			Fallback: title, Color: color(m), Title: title, TitleLink: w.cfg.TitleLink, Text: text, Markup: []string{"text"},
		}},
	}
}

// color is one of Slack's three, grey for what is for the record.
func color(m pipeline.Message) string {
	switch {
	case m.Over():
		return "good"
	case m.Worst <= pipeline.Error:
		return "danger"
	case m.Worst == pipeline.Warning:
		return "warning"
	default:
		return "#888888"
	}
}

func (w *Webhook) post(ctx context.Context, r request) error {
	body, err := notifiers.EncodeJSON(r)
	if err != nil {
		return w.client.Fail(pipeline.BadMessage, fmt.Errorf("encode the message: %w", err))
	}
	answer, err := w.client.Post(ctx, w.url, body, w.header)
	if err != nil {
		return err
	}
	if !taken(answer.Body) {
		e := w.client.Fail(pipeline.Retry, errors.New("the answer is not a webhook's: "+notifiers.Excerpt(answer.Body)))
		e.Unknown = true
		return e
	}
	w.log.Debug("slack message sent")
	return nil
}

// taken reads an answer of status 200: "ok" of Slack and Mattermost, {"success":true} of Rocket.Chat. A proxy's page is
// neither.
func taken(body []byte) bool {
	if strings.TrimSpace(string(body)) == "ok" {
		return true
	}
	var a struct {
		Success bool `json:"success"`
	}
	return json.Unmarshal(body, &a) == nil && a.Success
}
