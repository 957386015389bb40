package wechat

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
		"everyone, and who is on call is one of them": {func(c *Config) { c.ToUser = "@all" }, []pipeline.Person{{WeCom: "wang"}}, []string{"@all"}},
		"parties and tags":                            {func(c *Config) { c.ToUser, c.ToParty, c.ToTag = "", "2|3", "7" }, nil, []string{"2", "3", "7"}},
		"markdown":                                    {func(c *Config) { c.MessageType = "markdown" }, nil, []string{"zhang", "li"}},
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
	start := time.Now()
	for _, c := range []struct {
		after time.Duration
		want  int // tokens asked for until then
	}{{0, 1}, {6899 * time.Second, 1}, {6900 * time.Second, 2}} { // of 7200
		n.now = func() time.Time { return start.Add(c.after) }
		if err := n.Notify(t.Context(), notifiertest.Message()); err != nil || app.Tokens() != c.want {
			t.Errorf("after %s: %v, %d tokens, want %d", c.after, err, app.Tokens(), c.want)
		}
	}
}

// A token that is refused is replaced once: when the next is refused too, it is for a later attempt.
func TestTokenIsReplacedOnce(t *testing.T) {
	app := newApp()
	n := newSender(t, serve(t, app), nil)
	for range 3 {
		app.Answer(40014, "invalid access_token")
	}
	e := notifiertest.Failure(t, n.Notify(t.Context(), notifiertest.Message()), []string{secret, "token-"})
	if e.Class != pipeline.Retry || app.Tokens() != 2 {
		t.Errorf("two tokens that are refused: %v after %d tokens, want a retry after 2", e, app.Tokens())
	}
}

func TestContract(t *testing.T) {
	for _, kind := range []string{"text", "markdown"} {
		t.Run(kind, func(t *testing.T) {
			notifiertest.RunHTTP(t, notifiertest.HTTP{
				New: func(t *testing.T, base string) pipeline.Notifier {
					n := newSender(t, base, func(c *Config) { c.MessageType = kind })
					n.app.token, n.app.ends = "token-of-the-suite", time.Now().Add(time.Hour) // it is about sending
					return n
				},
				Secrets: []string{secret, "token-of-the-suite"},
				Success: `{"errcode":0,"errmsg":"ok"}`,
				Robot:   true,
				Fits: func(body string) error {
					var r request
					if err := json.Unmarshal([]byte(body), &r); err != nil {
						return err
					}
					for _, c := range []*text{r.Text, r.Markdown} {
						if c != nil && len(c.Content) > 2048 {
							return fmt.Errorf("%d bytes of content", len(c.Content))
						}
					}
					return nil
				},
			})
		})
	}
}

// No member may get more than 30 a minute or 1,000 an hour, and one may be behind every message.
func TestLimitsAreBelowThoseOfAMember(t *testing.T) {
	most := map[time.Duration]int{time.Minute: 30, time.Hour: 1000}
	limits := newSender(t, "http://a", nil).Limits()
	if len(limits) != len(most) {
		t.Fatalf("%d limits, want %d", len(limits), len(most))
	}
	for _, l := range limits {
		if l.Most <= 0 || l.Most >= most[l.Per] {
			t.Errorf("%d in %s, want fewer than %d", l.Most, l.Per, most[l.Per])
		}
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
	var broken atomic.Value
	broken.Store("gettoken")
	n := newSender(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, broken.Load().(string)) {
			panic(http.ErrAbortHandler)
		}
		app.ServeHTTP(w, r)
	})), nil)
	if e := notifiertest.Failure(t, n.Notify(t.Context(), notifiertest.Message()), []string{secret}); e.Class != pipeline.Retry || e.Unknown {
		t.Errorf("without a token: %v, unknown %v", e, e.Unknown)
	}
	broken.Store("send")
	n.now = func() time.Time { return time.Now().Add(failurePause) }
	if e := notifiertest.Failure(t, n.Notify(t.Context(), notifiertest.Message()), []string{secret, "token-1"}); e.Class != pipeline.Retry || !e.Unknown {
		t.Errorf("without an answer: %v, unknown %v", e, e.Unknown)
	}
}

// WeCom blocks who asks often: one failure is the answer for all who want a token, for a while.
func TestTokenFailureIsShared(t *testing.T) {
	app := newApp()
	var asked atomic.Int32
	var down atomic.Bool
	down.Store(true)
	n := newSender(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "gettoken") {
			asked.Add(1)
			if down.Load() {
				http.Error(w, "busy", http.StatusServiceUnavailable)
				return
			}
		}
		app.ServeHTTP(w, r)
	})), nil)
	start := time.Now()
	n.now = func() time.Time { return start }
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			e := notifiertest.Failure(t, n.Notify(t.Context(), notifiertest.Message()), []string{secret})
			if e.Class != pipeline.Retry || e.Receiver != "oncall" {
				t.Errorf("without a token: %v", e)
			}
		})
	}
	all.Wait()
	if got := asked.Load(); got != 1 {
		t.Errorf("asked %d times for a token", got)
	}
	down.Store(false)
	if e := notifiertest.Failure(t, n.Notify(t.Context(), notifiertest.Message()), []string{secret}); e.RetryAfter != failurePause {
		t.Errorf("again after %v, want %v", e.RetryAfter, failurePause)
	}
	n.now = func() time.Time { return start.Add(failurePause) }
	if err := n.Notify(t.Context(), notifiertest.Message()); err != nil || len(app.Posts()) != 1 {
		t.Errorf("after the pause: %v, %d messages", err, len(app.Posts()))
	}
}

// Some are not known: the others have it, so it is not sent again, and it is known who has not.
func TestPartly(t *testing.T) {
	app := newApp()
	app.Unknown = []string{"li"}
	n := newSender(t, serve(t, app), nil)
	err := n.Notify(t.Context(), notifiertest.Message())
	if missed := (*pipeline.MissedError)(nil); !errors.As(err, &missed) || missed.Recipients != 1 || missed.Receiver != "oncall" || !strings.Contains(err.Error(), "li") {
		t.Errorf("Notify = %v, want it to name the one who did not get the message", err)
	}
}

func TestIdentity(t *testing.T) {
	one := newSender(t, "http://a", nil)
	other := newSender(t, "http://a", func(c *Config) { c.ToUser = "wang" })
	if one.ID() == other.ID() {
		t.Errorf("two entries have the ID %s", one.ID())
	}
}

// Whoever gets a message has a quota of their own, whichever entry it comes from; of another application it is another.
func TestReaders(t *testing.T) {
	m := notifiertest.Message()
	m.Mentions = []pipeline.Person{{WeCom: "wang"}}
	of := func(change func(*Config)) []string { return newSender(t, "http://a", change).Readers(m) }
	three := of(nil) // zhang, li, wang
	wang := of(func(c *Config) { c.ToUser = "wang" })
	if len(three) != 3 || len(wang) != 1 || !slices.Contains(three, wang[0]) {
		t.Errorf("readers %q and %q, want wang in both", three, wang)
	}
	if other := of(func(c *Config) { c.ToUser, c.AgentID = "wang", "7" }); slices.Contains(three, other[0]) {
		t.Errorf("wang has one quota of two applications")
	}
	if groups := of(func(c *Config) { c.ToUser, c.ToParty, c.ToTag = "@all", "2|3", "2" }); len(groups) != 4 {
		t.Errorf("readers %q, want everyone, two departments and a tag", groups)
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
		"absolute http": func(c *Config) { c.APIURL = "qyapi" }, "an address is no template": func(c *Config) { c.APIURL = "https://{{ .Host }}" }, "only one": func(c *Config) { c.APISecretFile = "f" },
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
