package feishu

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/notifiers/notifiertest"
	"github.com/tocsin-security/tocsin/notifiers/robottest"
	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	token  = "1f3a9c2b-7d4e-4a55-9b1c-0d5f6a7b8c9d"
	secret = "SECtest"
)

func newRobot(t *testing.T, base string, change func(*Config)) *Robot {
	t.Helper()
	cfg := DefaultConfig()
	cfg.URL = pipeline.Secret(base + "/open-apis/bot/v2/hook/" + token)
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
			r.now = func() time.Time { return time.Unix(1700000000, 0) }
			return r
		},
		Secrets: []string{token, secret, "G7XpBpG8NgG02fJOAhX6FRAObIljmFoxVReo8I62pEk="},
		Success: `{"code":0,"msg":"success","data":{}}`,
		Robot:   true,
		Fits: func(body string) error {
			if len(body) > 20_000 {
				return fmt.Errorf("%d bytes", len(body))
			}
			return nil
		},
	})
}

// The vector is from the recipe of open.feishu.cn, computed apart from this code.
func TestSign(t *testing.T) {
	timestamp, got := sign(secret, time.Unix(1700000000, 0))
	if timestamp != "1700000000" || got != "G7XpBpG8NgG02fJOAhX6FRAObIljmFoxVReo8I62pEk=" {
		t.Errorf("sign = %s, %s", timestamp, got)
	}
}

func TestSignedByTheServersClock(t *testing.T) {
	for name, c := range map[string]struct {
		ahead  time.Duration // of the server
		secret string
		taken  bool
		posts  int // refused before
		clock  string
	}{
		"same clock":                       {0, secret, true, 0, ""},
		"three hours ahead":                {3 * time.Hour, secret, true, 1, ""},
		"a day behind":                     {-24 * time.Hour, secret, true, 1, ""},
		"another secret":                   {0, "SECother", false, 1, "clock agrees with the server's"},
		"another secret and another clock": {-time.Hour, "SECother", false, 2, "clock is 1h0m0s ahead of the server's"},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2025, 6, 1, 3, 0, 0, 0, time.UTC)
			robot := robottest.Feishu(robottest.Options{Key: token, Secret: c.secret, Now: func() time.Time { return now.Add(c.ahead) }})
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

func TestLongMessagesCallInTheLastPart(t *testing.T) {
	for _, msgType := range []string{typeCard, typeText} {
		for name, body := range map[string]string{"short": "短", "long": strings.Repeat("很长的文字。", 5000), "quotes": strings.Repeat(`"`, 60_000)} {
			t.Run(msgType+" "+name, func(t *testing.T) {
				robot := robottest.Feishu(robottest.Options{Key: token, Secret: secret, Keywords: []string{"tocsin"}})
				n := newRobot(t, serve(t, robot), func(c *Config) {
					c.MsgType, c.Keywords, c.At = msgType, []string{"tocsin"}, At{IDs: []string{"ou_1"}, All: true}
				})
				m := notifiertest.Message()
				m.Body = body
				m.Mentions = []pipeline.Person{{Name: "张伟", Feishu: "ou_2"}, {Name: "no id"}, {Name: "evil", Feishu: "x></at><at id=all"}}
				if err := n.Notify(t.Context(), m); err != nil {
					t.Fatalf("Notify = %v", err)
				}
				posts := robot.Posts()
				if cost := n.Cost(m); cost != len(posts) {
					t.Errorf("Cost = %d, and %d requests were made", cost, len(posts))
				}
				if many := len(body) > 100; many != (len(posts) == 3) {
					t.Errorf("%d parts", len(posts))
				}
				for i, p := range posts {
					var want []string
					if i == len(posts)-1 {
						want = []string{"ou_1", "ou_2", "all"}
					}
					if diff := cmp.Diff(want, p.Mentions); diff != "" {
						t.Errorf("mentions of part %d (-want +got):\n%s", i+1, diff)
					}
					if !strings.Contains(p.Text, "tocsin") || p.Type != msgType {
						t.Errorf("part %d is a %s without keyword", i+1, p.Type)
					}
				}
			})
		}
	}
}

func TestColour(t *testing.T) {
	over := pipeline.Alert{Stateful: &pipeline.Stateful{EndsAt: time.Unix(1, 0)}}
	for want, m := range map[string]pipeline.Message{
		"red": {Worst: pipeline.Error, Alerts: []pipeline.Alert{{}, over}}, "orange": {Worst: pipeline.Warning, Alerts: []pipeline.Alert{{}}},
		"blue": {Worst: pipeline.Notice, Alerts: []pipeline.Alert{{}}}, "green": {Worst: pipeline.Critical, Alerts: []pipeline.Alert{over, over}},
	} {
		if got := colour(m); got != want {
			t.Errorf("colour = %s, want %s", got, want)
		}
	}
}

func TestReadsCode(t *testing.T) {
	for answer, want := range map[string]pipeline.DeliveryClass{
		`{"code":11232,"msg":"frequency limited"}`:            pipeline.Retry,
		`{"code":19001,"msg":"token invalid"}`:                pipeline.ChannelDown,
		`{"code":19022,"msg":"Ip Not Allowed"}`:               pipeline.ChannelDown,
		`{"code":19024,"msg":"Key Words Not Found"}`:          pipeline.BadMessage,
		`{"code":9499,"msg":"Bad Request"}`:                   pipeline.BadMessage,
		`{"code":19036,"msg":"too long"}`:                     pipeline.BadMessage,
		`{"code":777}`:                                        pipeline.BadMessage,
		`{"StatusCode":19001,"StatusMessage":"x"}`:            pipeline.ChannelDown,
		`{"code":19001,"StatusCode":0}`:                       pipeline.ChannelDown,
		`{"StatusMessage":"success"}`:                         pipeline.Retry,
		`{"errcode":0,"errmsg":"of another vendor, a proxy"}`: pipeline.Retry,
	} {
		t.Run(answer, func(t *testing.T) {
			robot := robottest.Feishu(robottest.Options{})
			robot.Answer(200, nil, answer)
			err := newRobot(t, serve(t, robot), nil).Notify(t.Context(), notifiertest.Message())
			e := notifiertest.Failure(t, err, []string{token, secret})
			if e.Class != want {
				t.Errorf("%v, want %v", e.Class, want)
			}
			if tooMany := strings.Contains(answer, "11232"); tooMany != (e.RetryAfter == time.Second) {
				t.Errorf("to be left alone for %v", e.RetryAfter)
			}
		})
	}
	robot := robottest.Feishu(robottest.Options{})
	robot.Answer(200, nil, `{"StatusCode":0,"StatusMessage":"success"}`)
	if err := newRobot(t, serve(t, robot), nil).Notify(t.Context(), notifiertest.Message()); err != nil {
		t.Errorf("Notify with an older deployment's answer = %v", err)
	}
}

func TestID(t *testing.T) {
	direct := newRobot(t, "https://open.feishu.cn", nil).ID()
	proxied := newRobot(t, "http://proxy.example", func(c *Config) { c.Secret = "" }).ID()
	other := newRobot(t, "https://open.feishu.cn", func(c *Config) { c.URL += "2" }).ID()
	if direct != proxied || direct == other || !strings.HasPrefix(direct, "feishu-") {
		t.Errorf("IDs: direct %q, same robot by proxy %q, another robot %q", direct, proxied, other)
	}
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"no address":      {Config{MsgType: typeCard}, "url is missing"},
		"two secrets":     {Config{MsgType: typeCard, URL: "http://a", Secret: "s", SecretFile: "f"}, "only one"},
		"another type":    {Config{MsgType: "post", URL: "http://a"}, "interactive or text"},
		"an empty id":     {Config{MsgType: typeCard, URL: "http://a", At: At{IDs: []string{""}}}, "empty"},
		"an id with tags": {Config{MsgType: typeCard, URL: "http://a", At: At{IDs: []string{"a></at>"}}}, "no open id"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("Validate = %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestTooLongGoesInTwo(t *testing.T) {
	notifiertest.TooLong(t, pipeline.Person{Feishu: "ou_1"}, func(t *testing.T, maxBytes int) (pipeline.Notifier, func() []notifiertest.Taken) {
		robot := robottest.Feishu(robottest.Options{MaxBytes: maxBytes})
		return newRobot(t, serve(t, robot), nil), func() (all []notifiertest.Taken) {
			for _, p := range robot.Posts() {
				all = append(all, notifiertest.Taken{Text: p.Text, Mentions: p.Mentions})
			}
			return all
		}
	})
}
