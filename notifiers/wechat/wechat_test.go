package wechat

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/notifiers/notifiertest"
	"github.com/tocsin-security/tocsin/notifiers/robottest"
	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	corp   = "ww4f1e0c9a"
	secret = "5d3bb0e5-app-secret"
)

func newApp() *robottest.App { return &robottest.App{CorpID: corp, Secret: secret, Life: 7200} }

func newSender(t *testing.T, base string, change func(*Config)) *Sender {
	t.Helper()
	cfg := DefaultConfig()
	cfg.APIURL, cfg.CorpID, cfg.APISecret, cfg.AgentID, cfg.ToUser = base+"/cgi-bin/", corp, secret, "1000002", "zhang|li"
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg, "oncall", NewApps(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestMessages(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		people []pipeline.Person
		want   []string // recipients
	}{
		"users":              {nil, nil, []string{"zhang", "li"}},
		"and who is on call": {nil, []pipeline.Person{{WeCom: "wang"}, {WeCom: "li"}, {Name: "no id"}}, []string{"zhang", "li", "wang"}},
		"parties and tags":   {func(c *Config) { c.ToUser, c.ToParty, c.ToTag = "", "2|3", "7" }, nil, []string{"2", "3", "7"}},
		"markdown":           {func(c *Config) { c.MessageType = "markdown" }, nil, []string{"zhang", "li"}},
	} {
		t.Run(name, func(t *testing.T) {
			app := newApp()
			n := newSender(t, serve(t, app), c.change)
			m := notifiertest.Message()
			m.Body, m.Mentions = strings.Repeat("很长的文字。", 200), c.people
			if err := n.Notify(t.Context(), m); err != nil {
				t.Fatalf("Notify = %v", err)
			}
			posts := app.Posts()
			if len(posts) != 2 || n.Cost(m) != 2 {
				t.Fatalf("%d messages at a cost of %d, want two parts", len(posts), n.Cost(m))
			}
			for _, p := range posts {
				if diff := cmp.Diff(c.want, p.Mentions); diff != "" || p.Type != n.cfg.MessageType {
					t.Errorf("a %s for (-want +got):\n%s", p.Type, diff)
				}
			}
			if app.Tokens() != 1 {
				t.Errorf("%d tokens, want one", app.Tokens())
			}
		})
	}
}

// Fifty messages at once ask for one token, and for one more when it ends early; each arrives once.
func TestTokensAreShared(t *testing.T) {
	for _, code := range []int{42001, 40014} {
		app := newApp()
		base := serve(t, app)
		apps := NewApps()
		var senders []*Sender
		for _, user := range []string{"zhang", "li"} { // of two receivers
			n := newSender(t, base, func(c *Config) { c.ToUser = user })
			n.app = apps.app(n.app.key)
			senders = append(senders, n)
		}
		burst := func() {
			var wg sync.WaitGroup
			for i := range 50 {
				wg.Go(func() {
					m := notifiertest.Message()
					m.ID += strings.Repeat("x", i)
					if err := senders[i%2].Notify(t.Context(), m); err != nil {
						t.Errorf("Notify = %v", err)
					}
				})
			}
			wg.Wait()
		}
		burst()
		if app.Tokens() != 1 {
			t.Errorf("50 messages asked for %d tokens, want 1", app.Tokens())
		}
		app.Answer(code, "expired")
		burst()
		if app.Tokens() != 2 || len(app.Posts()) != 100 {
			t.Errorf("after errcode %d: %d tokens and %d messages, want 2 and 100", code, app.Tokens(), len(app.Posts()))
		}
	}
}

func TestTokenIsRenewedBeforeItEnds(t *testing.T) {
	app := newApp()
	n := newSender(t, serve(t, app), nil)
	now := time.Now()
	n.now = func() time.Time { return now }
	for after, want := range map[time.Duration]int{0: 1, 7200*time.Second - renewBefore: 2} {
		now = now.Add(after)
		if err := n.Notify(t.Context(), notifiertest.Message()); err != nil || app.Tokens() > want {
			t.Errorf("after %s: %v, %d tokens, want %d", after, err, app.Tokens(), want)
		}
	}
	now = now.Add(7200 * time.Second)
	if err := n.Notify(t.Context(), notifiertest.Message()); err != nil || app.Tokens() < 2 {
		t.Errorf("after two hours more: %v, %d tokens, want another", err, app.Tokens())
	}
}

func TestReadsErrcode(t *testing.T) {
	type want struct {
		class pipeline.DeliveryClass
		after time.Duration
	}
	for code, want := range map[int]want{
		-1: {pipeline.Retry, 0}, 45009: {pipeline.Retry, time.Minute}, 40056: {pipeline.ChannelDown, 0}, 60020: {pipeline.ChannelDown, 0},
		81013: {pipeline.BadMessage, 0}, 45002: {pipeline.BadMessage, 0}, 777: {pipeline.BadMessage, 0},
	} {
		app := newApp()
		app.Answer(code, "not allow to access from your ip, from ip: 203.0.113.9")
		err := newSender(t, serve(t, app), nil).Notify(t.Context(), notifiertest.Message())
		e := notifiertest.Failure(t, err, []string{secret, "token-1"})
		if e.Class != want.class || e.RetryAfter != want.after || !strings.Contains(err.Error(), "203.0.113.9") {
			t.Errorf("errcode %d = %v after %v, want %v after %v", code, err, e.RetryAfter, want.class, want.after)
		}
	}
}

func TestCredentialsAreWrong(t *testing.T) {
	for what, change := range map[string]func(*Config){
		"api_secret": func(c *Config) { c.APISecret = "another-secret" },
		"corp_id":    func(c *Config) { c.CorpID = "ww0" },
	} {
		err := newSender(t, serve(t, newApp()), change).Notify(t.Context(), notifiertest.Message())
		e := notifiertest.Failure(t, err, []string{secret, "another-secret"})
		if e.Class != pipeline.ChannelDown || e.Unknown || !strings.Contains(err.Error(), what+" is wrong") {
			t.Errorf("with another %s, Notify = %v", what, err)
		}
	}
}

// A token that cannot be had leaves nothing sent; a message that nobody answers may have arrived.
func TestUnknown(t *testing.T) {
	app := newApp()
	broken := "gettoken"
	n := newSender(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, broken) {
			panic(http.ErrAbortHandler)
		}
		app.ServeHTTP(w, r)
	})), nil)
	if e := notifiertest.Failure(t, n.Notify(t.Context(), notifiertest.Message()), []string{secret}); e.Class != pipeline.Retry || e.Unknown {
		t.Errorf("without a token: %v, unknown %v", e, e.Unknown)
	}
	broken = "send"
	if e := notifiertest.Failure(t, n.Notify(t.Context(), notifiertest.Message()), []string{secret, "token-1"}); e.Class != pipeline.Retry || !e.Unknown {
		t.Errorf("without an answer: %v, unknown %v", e, e.Unknown)
	}
}

// Some are not known: the others have it, so it is not sent again, and the log says who has not.
func TestPartly(t *testing.T) {
	app := newApp()
	app.Unknown = []string{"li"}
	var log strings.Builder
	n := newSender(t, serve(t, app), nil)
	n.log = slog.New(slog.NewTextHandler(&log, nil))
	if err := n.Notify(t.Context(), notifiertest.Message()); err != nil {
		t.Fatalf("Notify = %v", err)
	}
	if !strings.Contains(log.String(), "users=li") {
		t.Errorf("the log is %q, want it to name who did not get the message", log.String())
	}
}

func TestIdentity(t *testing.T) {
	one := newSender(t, "http://a", nil)
	other := newSender(t, "http://a", func(c *Config) { c.ToUser = "wang" })
	if one.ID() == other.ID() || one.Robot() != other.Robot() {
		t.Errorf("IDs %s, %s, want two; quotas of %s, %s, want one", one.ID(), other.ID(), one.Robot(), other.Robot())
	}
}

func TestValidate(t *testing.T) {
	good := Config{CorpID: corp, APISecret: secret, AgentID: "1", ToUser: "a", MessageType: "text", APIURL: defaultAPI}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		"corp_id is missing": func(c *Config) { c.CorpID = "" }, "api_secret is missing": func(c *Config) { c.APISecret = "" },
		"agent_id is missing": func(c *Config) { c.AgentID = "" }, "nobody to send to": func(c *Config) { c.ToUser = "" },
		"text or markdown": func(c *Config) { c.MessageType = "card" }, "no template": func(c *Config) { c.ToUser = "{{ .GroupLabels.user }}" },
		"absolute http": func(c *Config) { c.APIURL = "qyapi" }, "only one": func(c *Config) { c.APISecretFile = "f" },
	} {
		c := good
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate = %v, want %q", err, want)
		}
	}
	onCall := good
	onCall.ToUser, onCall.Mention = "", notifiers.Mention{OnCall: true}
	if err := onCall.Validate(); err != nil {
		t.Errorf("who is on call is somebody: %v", err)
	}
}
