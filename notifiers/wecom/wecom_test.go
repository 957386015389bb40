package wecom

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/notifiers/notifiertest"
	"github.com/tocsin-security/tocsin/notifiers/robottest"
	"github.com/tocsin-security/tocsin/pipeline"
)

const key = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa"

// newRobot returns a notifier for the robot that listens at base.
func newRobot(t *testing.T, base string, change func(*Config)) *Robot {
	t.Helper()
	cfg := DefaultConfig()
	cfg.URL = pipeline.Secret(base + "/cgi-bin/webhook/send?key=" + key)
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
	for _, msgtype := range []string{"markdown", "text"} {
		t.Run(msgtype, func(t *testing.T) {
			notifiertest.RunHTTP(t, notifiertest.HTTP{
				New: func(t *testing.T, base string) pipeline.Notifier {
					return newRobot(t, base, func(c *Config) { c.MsgType = msgtype })
				},
				Secrets: []string{key},
				Success: `{"errcode":0,"errmsg":"ok"}`,
				Robot:   true,
				Fits:    fits,
			})
		})
	}
}

// fits measures as WeCom does: bytes of the content after decoding.
func fits(body string) error {
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		return err
	}
	for name, limit := range map[string]int{"markdown": 4096, "text": 2048} {
		var part struct {
			Content string `json:"content"`
		}
		if m[name] != nil {
			if err := json.Unmarshal(m[name], &part); err != nil {
				return err
			}
			if len(part.Content) > limit {
				return fmt.Errorf("%s has %d bytes of content", name, len(part.Content))
			}
		}
	}
	return nil
}

func TestNotifyMentions(t *testing.T) {
	long := strings.Repeat("很长的文字。", 2000)
	for name, c := range map[string]struct {
		change func(*Config)
		want   [][]string // mentions of each post
	}{
		"nobody by default":                         {nil, [][]string{nil}},
		"user ids stand in the markdown":            {func(c *Config) { c.MentionedList = []string{"zhangsan", "lisi"} }, [][]string{{"zhangsan", "lisi"}}},
		"a phone number needs a text message":       {func(c *Config) { c.MentionedMobileList = []string{"13800000000"} }, [][]string{nil, {"13800000000"}}},
		"everyone needs a text message":             {func(c *Config) { c.MentionedList = []string{"@all", "lisi"} }, [][]string{{"lisi"}, {"@all"}}},
		"a text message carries all mentions alone": {func(c *Config) { c.MsgType = "text"; c.MentionedList = []string{"@all"} }, [][]string{{"@all"}}},
	} {
		t.Run(name, func(t *testing.T) {
			robot := robottest.WeCom(robottest.Options{Key: key})
			n := newRobot(t, serve(t, robot), c.change)
			m := notifiertest.Message()
			m.Body = long // mentions must survive the cut
			if err := n.Notify(t.Context(), m); err != nil {
				t.Fatalf("Notify = %v", err)
			}
			var got [][]string
			for _, p := range robot.Posts() {
				got = append(got, p.Mentions)
			}
			if cost := n.Cost(m); cost != len(got) {
				t.Errorf("Cost = %d, and %d requests were made", cost, len(got))
			}
			c.want = append([][]string{nil, nil}, c.want...) // three parts, and mentions in the last
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("mentions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNotifyRepeatsOnlyTheMissingPart(t *testing.T) {
	robot := robottest.WeCom(robottest.Options{Key: key})
	broken := 0
	n := newRobot(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(robot.Posts()) == 1 && broken == 0 {
			broken++
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		robot.ServeHTTP(w, r)
	})), func(c *Config) { c.MentionedMobileList = []string{"13800000000"} })
	m := notifiertest.Message()
	if e := notifiertest.Failure(t, n.Notify(t.Context(), m), nil); e.Class != pipeline.Retry {
		t.Fatalf("Notify with the mention failing = %v, want retry", e)
	}
	if err := n.Notify(t.Context(), m); err != nil {
		t.Fatalf("second Notify = %v", err)
	}
	var types []string
	for _, p := range robot.Posts() {
		types = append(types, p.Type)
	}
	if diff := cmp.Diff([]string{"markdown", "text"}, types); diff != "" {
		t.Errorf("posts taken (-want +got):\n%s", diff)
	}
}

func TestNotifyReadsErrcode(t *testing.T) {
	for code, want := range map[int]struct {
		class pipeline.DeliveryClass
		after time.Duration
	}{
		-1: {pipeline.Retry, 0}, 45009: {pipeline.Retry, time.Minute},
		93000: {pipeline.ChannelDown, 0}, 93004: {pipeline.ChannelDown, 0}, 93008: {pipeline.ChannelDown, 0},
		40058: {pipeline.BadMessage, 0}, 45002: {pipeline.BadMessage, 0}, 44004: {pipeline.BadMessage, 0},
		40008: {pipeline.BadMessage, 0}, 40033: {pipeline.BadMessage, 0}, 123456: {pipeline.BadMessage, 0},
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			robot := robottest.WeCom(robottest.Options{})
			robot.Answer(200, nil, fmt.Sprintf(`{"errcode":%d,"errmsg":"about key=%s"}`, code, key))
			e := notifiertest.Failure(t, newRobot(t, serve(t, robot), nil).Notify(t.Context(), notifiertest.Message()), []string{key})
			if e.Class != want.class || e.RetryAfter != want.after {
				t.Errorf("errcode %d = %v after %v, want %v after %v", code, e.Class, e.RetryAfter, want.class, want.after)
			}
		})
	}
}

func TestQuotaOfTheFakeIsReported(t *testing.T) {
	robot := robottest.WeCom(robottest.Options{Key: key})
	n := newRobot(t, serve(t, robot), nil)
	for i := range 21 {
		err := n.Notify(t.Context(), notifiertest.Message())
		if taken := err == nil; taken != (i < 20) {
			t.Fatalf("message %d: Notify = %v, want only the first 20 taken", i+1, err)
		}
	}
}

func TestID(t *testing.T) {
	direct := newRobot(t, "https://qyapi.weixin.qq.com", nil).ID()
	proxied := newRobot(t, "http://proxy.example", func(c *Config) { c.MsgType = "text" }).ID()
	other := newRobot(t, "https://qyapi.weixin.qq.com", func(c *Config) { c.URL += "2" }).ID()
	if direct != proxied || direct == other || !strings.HasPrefix(direct, "wecom-") || len(direct) != len("wecom-")+8 {
		t.Errorf("IDs: direct %q, same robot by proxy %q, another robot %q", direct, proxied, other)
	}
}

func TestNewReadsTheAddressFromAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(path, []byte("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key="+key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fromFile := newRobot(t, "", func(c *Config) { c.URL, c.URLFile = "", path })
	if want := newRobot(t, "https://qyapi.weixin.qq.com", nil).ID(); fromFile.ID() != want {
		t.Errorf("ID = %q, want %q", fromFile.ID(), want)
	}
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"no address":         {Config{MsgType: "markdown"}, "url is missing"},
		"two addresses":      {Config{URL: "http://a", URLFile: "f", MsgType: "markdown"}, "only one"},
		"not an address":     {Config{URL: "693a91f6-key", MsgType: "markdown"}, "absolute http"},
		"a broken address":   {Config{URL: "http://a/\x7f693a91f6-key", MsgType: "markdown"}, "invalid control character"},
		"a type we have not": {Config{URL: "http://a", MsgType: "image"}, "msgtype"},
		"an empty mention":   {Config{URL: "http://a", MsgType: "text", MentionedList: []string{""}}, "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.cfg.Validate()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("Validate = %v, want an error with %q", err, c.want)
			}
			if strings.Contains(err.Error(), "693a91f6") {
				t.Errorf("Validate shows the key: %v", err)
			}
		})
	}
}

func TestTooLongGoesInTwo(t *testing.T) {
	notifiertest.TooLong(t, pipeline.Person{WeCom: "lina"}, func(t *testing.T, maxBytes int) (pipeline.Notifier, func() []notifiertest.Taken) {
		robot := robottest.WeCom(robottest.Options{Key: key, MaxBytes: maxBytes})
		return newRobot(t, serve(t, robot), nil), func() (all []notifiertest.Taken) {
			for _, p := range robot.Posts() {
				all = append(all, notifiertest.Taken{Text: p.Text, Mentions: p.Mentions})
			}
			return all
		}
	})
}

func TestMaxPerMinute(t *testing.T) {
	n := newRobot(t, "http://127.0.0.1:1", func(c *Config) { c.MaxPerMinute = 5 })
	if diff := cmp.Diff([]pipeline.Limit{{Most: 5, Per: time.Minute}}, n.Limits()); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	if err := (Config{URL: "http://127.0.0.1:1/send?key=k", MsgType: "text", MaxPerMinute: 19}).Validate(); err == nil || !strings.Contains(err.Error(), "max_per_minute 19") {
		t.Errorf("19 a minute: %v", err)
	}
}
