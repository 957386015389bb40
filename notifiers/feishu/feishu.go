package feishu

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"time"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Robot posts to one custom bot. It is safe for concurrent use.
type Robot struct {
	cfg    Config
	id     string
	url    *url.URL
	header http.Header
	secret string
	client *notifiers.Client
	parts  notifiers.Parts
	log    *slog.Logger
	now    func() time.Time
}

var _ pipeline.Notifier = (*Robot)(nil)

// New returns a robot for one entry of receiver's feishu_configs.
func New(cfg Config, receiver string, log *slog.Logger) (*Robot, error) {
	fail := func(err error) (*Robot, error) {
		return nil, fmt.Errorf("feishu_configs of receiver %q: %w", receiver, err)
	}
	if err := cfg.Validate(); err != nil {
		return fail(err)
	}
	to, err := cfg.HTTPConfig.Address("url", cfg.URL, cfg.URLFile)
	if err != nil {
		return fail(err)
	}
	secret, err := notifiers.ReadSecret("secret", cfg.Secret, cfg.SecretFile)
	if err != nil {
		return fail(err)
	}
	token := path.Base(to.URL.Path) // the robot, whatever proxy leads to it
	to.Config.Secrets = append(to.Config.Secrets, string(secret), token)
	return &Robot{
		cfg:    cfg,
		id:     notifiers.ID("feishu", token),
		url:    to.URL,
		header: to.Header,
		secret: string(secret),
		client: notifiers.NewClient(receiver, to.URL, to.Config),
		log:    log.With("receiver", receiver),
		now:    time.Now,
	}, nil
}

// ID names the robot: the same for every entry that uses it.
func (r *Robot) ID() string { return r.id }

// Cost is how many requests a message takes.
func (r *Robot) Cost(m pipeline.Message) int {
	texts, err := split(r.cfg, m)
	if err != nil {
		return 1 // which Notify says
	}
	return len(texts)
}

// Notify posts the message, in parts where it is long. When one fails, those behind it are not sent, and the next attempt
// sends only what is missing.
func (r *Robot) Notify(ctx context.Context, m pipeline.Message) error {
	texts, err := split(r.cfg, m)
	if err != nil {
		return r.client.Fail(pipeline.BadMessage, fmt.Errorf("encode the message: %w", err))
	}
	people := called(r.cfg, m.Mentions)
	return r.parts.Each(m.ID, texts, func(text string, last bool) error {
		if last {
			text += people
		}
		return r.send(ctx, newRequest(r.cfg, m, text))
	})
}

// send posts one part. When Feishu refuses the signature and its clock is not ours, the part is signed once more by its
// clock.
func (r *Robot) send(ctx context.Context, part request) error {
	now := r.now()
	code, date, err := r.post(ctx, part, now)
	if err == nil && code.Code == codeSign && r.secret != "" && !date.IsZero() && date.Sub(now).Abs() >= notifiers.Skewed {
		r.log.Warn("feishu refused the signature, signing again by its clock", "skew", date.Sub(now))
		code, _, err = r.post(ctx, part, date)
	}
	if err != nil {
		return err
	}
	if clock := notifiers.Clock(now, date); code.Code == codeSign && clock != "" {
		code.Message += "; " + clock
	}
	if code.Code == 0 {
		r.log.Debug("feishu message sent")
		return nil
	}
	class, meaning := outcomeOf(code.Code)
	e := r.client.Fail(class, fmt.Errorf("code %d: %s (%s)", code.Code, meaning, code.Message))
	if code.Code == codeTooMany {
		e.RetryAfter = pause
	}
	e.TooLong = code.Code == codeTooLong || code.Code == codeMalformed
	return e
}

// post sends a part, signed at now, and returns the robot's code and the server's time; zero: it said none.
func (r *Robot) post(ctx context.Context, part request, now time.Time) (code notifiers.Code, date time.Time, err error) {
	if r.secret != "" {
		part.Timestamp, part.Sign = sign(r.secret, now)
	}
	body, err := notifiers.EncodeJSON(part)
	if err != nil {
		return code, date, r.client.Fail(pipeline.BadMessage, fmt.Errorf("encode the message: %w", err))
	}
	answer, err := r.client.Post(ctx, r.url, body, r.header)
	if err != nil {
		return code, date, err
	}
	if code, err = readAnswer(answer.Body); err != nil {
		e := r.client.Fail(pipeline.Retry, err)
		e.Unknown = true
		return code, date, e
	}
	if at, err := http.ParseTime(answer.Header.Get("Date")); err == nil { // else no correction
		date = at
	}
	return code, date, nil
}
