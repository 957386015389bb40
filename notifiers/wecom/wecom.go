package wecom

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// all mentions everyone in the group; it works in text messages only.
const all = "@all"

// Robot posts to one group robot. It is safe for concurrent use.
type Robot struct {
	cfg    Config
	id     string
	url    *url.URL
	header http.Header
	client *notifiers.Client
	image  *image // nil: none
	parts  notifiers.Parts
	log    *slog.Logger
}

var _ pipeline.Notifier = (*Robot)(nil)

// New returns a robot for one entry of receiver's wecom_configs.
func New(cfg Config, receiver string, log *slog.Logger) (*Robot, error) {
	fail := func(err error) (*Robot, error) {
		return nil, fmt.Errorf("wecom_configs of receiver %q: %w", receiver, err)
	}
	if err := cfg.Validate(); err != nil {
		return fail(err)
	}
	to, err := cfg.HTTPConfig.Address("url", cfg.URL, cfg.URLFile)
	if err != nil {
		return fail(err)
	}
	picture, err := readImage(cfg.ImageFile)
	if err != nil {
		return fail(err)
	}
	identity := to.URL.Query().Get("key") // the robot, whatever proxy leads to it
	if identity == "" {
		identity = to.URL.String()
	}
	return &Robot{
		cfg:    cfg,
		id:     notifiers.ID("wecom", identity),
		url:    to.URL,
		header: to.Header,
		client: notifiers.NewClient(receiver, to.URL, to.Config),
		image:  picture,
		log:    log.With("receiver", receiver),
	}, nil
}

// ID names the robot: the same for every entry that uses it.
func (r *Robot) ID() string { return r.id }

// Cost is how many requests a message takes.
func (r *Robot) Cost(m pipeline.Message) int {
	parts := r.partsOf(m)
	if r.overflows(m, parts) {
		return 2 + len(parts) // uploads count too, as far as is known
	}
	return len(parts)
}

// Notify posts the message: in parts where it is long, and a last one for mentions that markdown cannot carry. When one
// fails, those behind it are not sent, and the next attempt sends only what is missing.
func (r *Robot) Notify(ctx context.Context, m pipeline.Message) (err error) {
	parts := r.partsOf(m)
	for _, p := range parts {
		if err = r.sendPart(ctx, m.ID, p); err != nil {
			break
		}
	}
	if err == nil && r.overflows(m, parts) {
		err = r.sendFile(ctx, m.ID, m.Body)
	}
	r.parts.Settle(m.ID, err)
	return err
}

// overflows reports whether parts leave out some of a message that is to come whole as a file.
func (r *Robot) overflows(m pipeline.Message, parts []part) bool {
	if r.cfg.Overflow != "file" || m.More == "" {
		return false
	}
	return slices.ContainsFunc(parts, func(p part) bool { return strings.HasSuffix(p.text, m.More) })
}

// partsOf are the requests of a message. The picture comes last, and not when all is over.
func (r *Robot) partsOf(m pipeline.Message) []part {
	parts := r.textsOf(m)
	if r.image != nil && !m.Over() {
		parts = append(parts, only(typeImage, request{MsgType: typeImage, Image: r.image}))
	}
	return parts
}

func (r *Robot) textsOf(m pipeline.Message) (parts []part) {
	userIDs, mobiles := r.cfg.called(m.Mentions)
	called := len(userIDs)+len(mobiles) > 0
	switch r.cfg.MsgType {
	case typeText:
		return textParts("text", m.Body, m.More, userIDs, mobiles)
	case typeV2:
		parts = v2Parts(m.Body, m.More)
	case typeCard:
		parts = []part{only(typeCard, request{MsgType: typeCard, Card: newCard(m, r.cfg.CardURL)})}
	case typeNews:
		parts = []part{only(typeNews, request{MsgType: typeNews, News: newNews(m, r.cfg.CardURL)})}
	default:
		return r.markdown(m, userIDs, mobiles)
	}
	if called { // none of these carries a mention
		parts = append(parts, textParts("mention", m.Title, m.More, userIDs, mobiles)...)
	}
	return parts
}

func (r *Robot) markdown(m pipeline.Message, userIDs, mobiles []string) []part {
	parts := markdownParts(m.Body, m.More, userIDs)
	if everyone := everyone(userIDs); len(everyone)+len(mobiles) > 0 {
		parts = append(parts, textParts("mention", m.Title, m.More, everyone, mobiles)...)
	}
	return parts
}

// sendPart posts one part of message id, unless an earlier attempt did.
func (r *Robot) sendPart(ctx context.Context, id string, p part) error {
	return r.parts.Part(id, p.name, p.text, p.last, func(text string, last bool) error {
		body, err := notifiers.EncodeJSON(p.request(text, last))
		if err != nil {
			return r.client.Fail(pipeline.BadMessage, fmt.Errorf("encode part %s: %w", p.name, err))
		}
		return r.post(ctx, body)
	})
}

// everyone is the mention of user ids that markdown cannot carry, and that needs a text message.
func everyone(userIDs []string) []string {
	if slices.Contains(userIDs, all) {
		return []string{all}
	}
	return nil
}

func (r *Robot) post(ctx context.Context, body []byte) error {
	answer, err := r.client.Post(ctx, r.url, body, r.header)
	if err != nil {
		return err
	}
	code, err := notifiers.RobotCode(answer.Body)
	if err != nil {
		e := r.client.Fail(pipeline.Retry, err)
		e.Unknown = true
		return e
	}
	if code.Code == 0 {
		r.log.Debug("wecom message sent")
		return nil
	}
	return r.refusal("", code)
}

// refusal is an answer that is not 0, to what was being done.
func (r *Robot) refusal(doing string, code notifiers.Code) error {
	if doing != "" {
		doing += ": "
	}
	class, after, meaning := outcomeOf(code.Code)
	e := r.client.Fail(class, fmt.Errorf("%serrcode %d: %s (%s)", doing, code.Code, meaning, code.Message))
	e.RetryAfter = after
	e.TooLong = code.Code == 45002 || code.Code == 40058 && strings.Contains(code.Message, "exceed max length")
	return e
}

// freeze is how long a robot stays over its quota: the window is a minute, and no longer ban is known.
const freeze = time.Minute

// outcomeOf reads an error code: developer.work.weixin.qq.com, "message push" and "global error codes";
// 93004 and 93008 are from clients' logs.
func outcomeOf(code int) (class pipeline.DeliveryClass, after time.Duration, meaning string) {
	switch code {
	case -1:
		return pipeline.Retry, 0, "WeCom is busy"
	case 45009:
		return pipeline.Retry, freeze, "more than 20 messages a minute"
	case 93000:
		return pipeline.ChannelDown, 0, "the key is wrong, or the robot was removed from its group"
	case 93004, 93008:
		return pipeline.ChannelDown, 0, "the robot is disabled or no longer in the group"
	case 40058, 45002:
		return pipeline.BadMessage, 0, "a parameter is bad or the message is too long"
	case 44004:
		return pipeline.BadMessage, 0, "the message is empty"
	case 40008, 40033:
		return pipeline.BadMessage, 0, "message type or characters are not allowed"
	default:
		return pipeline.BadMessage, 0, "unknown code"
	}
}
