package dingtalk

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Robot posts to one custom robot. It is safe for concurrent use.
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

// New returns a robot for one entry of receiver's dingtalk_configs.
func New(cfg Config, receiver string, log *slog.Logger) (*Robot, error) {
	fail := func(err error) (*Robot, error) {
		return nil, fmt.Errorf("dingtalk_configs of receiver %q: %w", receiver, err)
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
	to.Config.Secrets = append(to.Config.Secrets, string(secret))
	identity := to.URL.Query().Get("access_token") // the robot, whatever proxy leads to it
	if identity == "" {
		identity = to.URL.String()
	}
	return &Robot{
		cfg:    cfg,
		id:     notifiers.ID("dingtalk", identity),
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
	texts, err := split(r.calling(m), m)
	if err != nil {
		return 1 // which Notify says
	}
	return len(texts)
}

// calling is the configuration with the people that the message calls.
func (r *Robot) calling(m pipeline.Message) Config {
	cfg := r.cfg
	cfg.At = cfg.At.with(m.Mentions)
	return cfg
}

// Notify posts the message, in parts where it is long. When one fails, those behind it are not sent, and the next attempt
// sends only what is missing.
func (r *Robot) Notify(ctx context.Context, m pipeline.Message) error {
	cfg := r.calling(m)
	texts, err := split(cfg, m)
	if err != nil {
		return r.client.Fail(pipeline.BadMessage, fmt.Errorf("encode the message: %w", err))
	}
	return r.parts.Each(m.ID, texts, func(text string, last bool) error {
		body, err := encode(cfg, m, text, last)
		if err != nil {
			return r.client.Fail(pipeline.BadMessage, fmt.Errorf("encode the message: %w", err))
		}
		return r.sendPart(ctx, cfg, part{text, last, body})
	})
}

// part is one request of a message.
type part struct {
	text   string
	called bool // people are called in it
	body   []byte
}

// sendPart posts one part, and once more as plain text where DingTalk's moderation refuses it.
func (r *Robot) sendPart(ctx context.Context, cfg Config, p part) error {
	code, err := r.send(ctx, p.body)
	if err == nil && moderated(code.Code) {
		r.log.Warn("dingtalk's moderation refused a message, sending it as plain text without addresses", "errcode", code.Code)
		body, failed := encodePlain(cfg, p.text, p.called)
		if failed != nil {
			return r.client.Fail(pipeline.BadMessage, fmt.Errorf("encode the plain message: %w", failed))
		}
		code, err = r.send(ctx, body)
	}
	if err != nil {
		return err
	}
	if code.Code == 0 {
		r.log.Debug("dingtalk message sent")
		return nil
	}
	class, after, meaning := outcomeOf(code)
	e := r.client.Fail(class, fmt.Errorf("errcode %d: %s (%s)", code.Code, meaning, code.Message))
	e.RetryAfter = after
	e.TooLong = code.Code == 460101 || code.Code == 101002
	return e
}

// send posts one body. When DingTalk refuses the signature and its clock is not ours, the body is signed once more by its
// clock.
func (r *Robot) send(ctx context.Context, body []byte) (notifiers.Code, error) {
	now := r.now()
	code, date, err := r.post(ctx, body, now)
	if err != nil || r.secret == "" || refusal(code) != signRefused {
		return code, err
	}
	if off := skew(date, now); off.Abs() >= notifiers.Skewed {
		r.log.Warn("dingtalk refused the signature, signing again by its clock", "skew", off)
		code, _, err = r.post(ctx, body, date)
	}
	if clock := notifiers.Clock(now, date); err == nil && clock != "" && refusal(code) == signRefused {
		code.Message += "; " + clock
	}
	return code, err
}

// post sends body, signed at now, and returns the robot's code and the server's time.
func (r *Robot) post(ctx context.Context, body []byte, now time.Time) (notifiers.Code, time.Time, error) {
	answer, err := r.client.Post(ctx, signed(r.url, r.secret, now), body, r.header)
	if err != nil {
		return notifiers.Code{}, time.Time{}, err
	}
	code, err := notifiers.RobotCode(answer.Body)
	if err != nil {
		e := r.client.Fail(pipeline.Retry, err)
		e.Unknown = true
		return code, time.Time{}, e
	}
	date, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		date = time.Time{} // no time, no correction
	}
	return code, date, nil
}

func skew(server, ours time.Time) time.Duration {
	if server.IsZero() {
		return 0
	}
	return server.Sub(ours)
}

// Reasons inside code 310000, which only its text tells apart.
const (
	keywordMissing = "keyword"
	signRefused    = "sign"
	addressRefused = "ip"
)

// refusal reads why the robot's security settings refused a message; "" when they did not.
func refusal(c notifiers.Code) string {
	if c.Code != 310000 {
		return ""
	}
	text := strings.ToLower(c.Message)
	switch {
	case strings.Contains(text, "keyword") || strings.Contains(text, "关键词"):
		return keywordMissing
	case strings.Contains(text, "sign") || strings.Contains(text, "timestamp") || strings.Contains(text, "签名"):
		return signRefused
	default:
		return addressRefused
	}
}
