package wechat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/templates"
)

// maxContent is in bytes, of text and Markdown alike: half of what a robot takes. WeCom cuts the rest off.
const maxContent = 2048

// all is every member who may see the application.
const all = "@all"

// Sender sends messages of one application to some people. It is safe for concurrent use.
type Sender struct {
	cfg    Config
	app    *app
	send   *url.URL // without the token
	client *notifiers.Client
	header http.Header
	parts  notifiers.Parts
	log    *slog.Logger
	now    func() time.Time
}

var _ pipeline.Notifier = (*Sender)(nil)

// New returns a sender for one merged entry of receiver's wechat_configs.
func New(cfg Config, receiver string, apps *Apps, log *slog.Logger) (*Sender, error) {
	fail := func(err error) (*Sender, error) {
		return nil, fmt.Errorf("wechat_configs of receiver %q: %w", receiver, err)
	}
	if err := cfg.Validate(); err != nil {
		return fail(err)
	}
	secret, err := notifiers.ReadSecret("api_secret", cfg.APISecret, cfg.APISecretFile)
	if err != nil {
		return fail(err)
	}
	api := strings.TrimSuffix(cfg.APIURL, "/") + "/"
	send, err := url.Parse(api + "message/send")
	if err != nil {
		return fail(fmt.Errorf("api_url: %w", err))
	}
	client, header, err := cfg.HTTPConfig.Client()
	if err != nil {
		return fail(err)
	}
	client.Secrets = append(client.Secrets, string(secret))
	return &Sender{
		cfg:    cfg,
		app:    apps.app(appKey{api, cfg.CorpID, string(secret)}),
		send:   send,
		client: notifiers.NewClient(receiver, send, client),
		header: header,
		log:    log.With("receiver", receiver),
		now:    time.Now,
	}, nil
}

// ID names the application and whom it writes to.
func (s *Sender) ID() string {
	c := s.cfg
	return notifiers.ID("wechat", strings.Join([]string{c.CorpID, c.AgentID, c.ToUser, c.ToParty, c.ToTag}, "\n"))
}

// Limits are how many messages an entry is to send, and each of its readers to get. A member gets 30 a minute and 1,000 an
// hour; WeCom drops the rest and says that it took them.
func (s *Sender) Limits() []pipeline.Limit {
	return []pipeline.Limit{{Most: 28, Per: time.Minute}, {Most: 950, Per: time.Hour}}
}

// Readers are the quotas of those whom a message is for. A department, a tag and everyone count as one each: who is in it is
// not known.
func (s *Sender) Readers(m pipeline.Message) (all []string) {
	for prefix, of := range map[string]string{"user": s.users(m), "party": s.cfg.ToParty, "tag": s.cfg.ToTag} {
		for who := range strings.FieldsFuncSeq(of, func(r rune) bool { return r == '|' }) {
			all = append(all, notifiers.ID("wechat", strings.Join([]string{s.cfg.CorpID, s.cfg.AgentID, prefix, who}, "\n")))
		}
	}
	slices.Sort(all)
	return all
}

// Mention says who of the people on call gets the message too.
func (s *Sender) Mention() notifiers.Mention { return s.cfg.Mention }

// Cost is how many requests a message takes.
func (s *Sender) Cost(m pipeline.Message) int { return len(split(m)) }

func split(m pipeline.Message) []string {
	return templates.Split(m.Body, m.More, func(part string) bool { return len(part) <= maxContent })
}

// Notify sends the message, in parts where it is long. When one fails, those behind it are not sent, and the next attempt
// sends only what is missing.
func (s *Sender) Notify(ctx context.Context, m pipeline.Message) error {
	var missed *pipeline.MissedError
	err := s.parts.Each(m.ID, split(m), func(text string, _ bool) error {
		err := s.sendPart(ctx, s.request(m, text))
		if errors.As(err, &missed) { // it is sent
			return nil
		}
		return err
	})
	if err == nil && missed != nil {
		return missed
	}
	return err
}

type request struct {
	ToUser   string `json:"touser,omitempty"`
	ToParty  string `json:"toparty,omitempty"`
	ToTag    string `json:"totag,omitempty"`
	MsgType  string `json:"msgtype"`
	AgentID  any    `json:"agentid"` // a number, where it is one
	Text     *text  `json:"text,omitempty"`
	Markdown *text  `json:"markdown,omitempty"`
}

type text struct {
	Content string `json:"content"`
}

// Calls says who of the people on call gets the entry's messages too.
func (c Config) Calls() notifiers.Mention { return c.Mention }

// Calls is its configuration's.
func (s *Sender) Calls() notifiers.Mention { return s.cfg.Mention }

func (s *Sender) request(m pipeline.Message, content string) request {
	r := request{ToUser: s.users(m), ToParty: s.cfg.ToParty, ToTag: s.cfg.ToTag, MsgType: s.cfg.MessageType, AgentID: s.cfg.AgentID}
	if n, err := strconv.Atoi(s.cfg.AgentID); err == nil { // else an id of another service with this API
		r.AgentID = n
	}
	if r.MsgType == "markdown" {
		r.Markdown = &text{content}
	} else {
		r.Text = &text{content}
	}
	return r
}

// users are those of the entry and who is on call. WeCom reads @all only where it stands alone, and then nobody is missing.
func (s *Sender) users(m pipeline.Message) string {
	users := strings.FieldsFunc(s.cfg.ToUser, func(r rune) bool { return r == '|' })
	if slices.Contains(users, all) {
		return all
	}
	for _, p := range m.Mentions {
		users = notifiers.Also(users, p.WeCom)
	}
	return strings.Join(users, "|")
}

// sendPart posts one message, and once more with another token where WeCom does not take the first any more.
func (s *Sender) sendPart(ctx context.Context, r request) error {
	if r.ToUser == "" && r.ToParty == "" && r.ToTag == "" {
		return s.client.Fail(pipeline.BadMessage, fmt.Errorf("nobody is on call, and nobody else is named: set to_user, to_party or to_tag"))
	}
	body, err := notifiers.EncodeJSON(r)
	if err != nil {
		return s.client.Fail(pipeline.BadMessage, fmt.Errorf("encode the message: %w", err))
	}
	refused := ""
	for attempt := 1; ; attempt++ {
		token, err := s.app.get(ctx, s.client, s.header, refused, s.now)
		if err != nil {
			return err
		}
		code, answer, err := s.post(ctx, token, body)
		switch {
		case err != nil:
			return err
		case code.Code == 0:
			return s.missedBy(answer)
		case staleToken(code.Code) && attempt == 1:
			refused = token
		default:
			return refusal(s.client, "send", code)
		}
	}
}

func (s *Sender) post(ctx context.Context, token string, body []byte) (code notifiers.Code, answer []byte, err error) {
	u := *s.send
	u.RawQuery = url.Values{"access_token": {token}}.Encode()
	a, err := s.client.Post(ctx, &u, body, s.header)
	if err != nil {
		return code, nil, err
	}
	if code, err = notifiers.RobotCode(a.Body); err != nil {
		e := s.client.Fail(pipeline.Retry, err)
		e.Unknown = true
		return code, nil, e
	}
	return code, a.Body, nil
}

// missedBy is an error about those who did not get a message that others got; nil: all have it.
func (s *Sender) missedBy(answer []byte) error {
	var missed struct {
		Users   string `json:"invaliduser"`
		Parties string `json:"invalidparty"`
		Tags    string `json:"invalidtag"`
	}
	if err := json.Unmarshal(answer, &missed); err != nil { // it has an errcode of 0: the others have the message
		s.log.Warn("the answer of WeCom cannot be read in full", "err", err)
		return nil
	}
	who := strings.FieldsFunc(missed.Users+"|"+missed.Parties+"|"+missed.Tags, func(r rune) bool { return r == '|' })
	if len(who) == 0 {
		return nil
	}
	e := s.client.Fail(pipeline.BadMessage, fmt.Errorf("WeCom does not know them, or they may not see the application: %s", strings.Join(who, ", ")))
	return &pipeline.MissedError{Receiver: e.Receiver, Recipients: len(who), Err: e.Err}
}
