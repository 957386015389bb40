package wecom

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/notifiers/notifiertest"
	"github.com/tocsin-security/tocsin/notifiers/robottest"
	"github.com/tocsin-security/tocsin/pipeline"
)

func alertMessage() pipeline.Message {
	m := notifiertest.Message()
	m.Worst = pipeline.Critical
	m.Links = []pipeline.Link{{Title: "认领", URL: "https://t.example/a"}, {Title: "静默", URL: "https://t.example/s"}, {Title: "处置手册", URL: "https://t.example/r"}, {Title: "more", URL: "https://t.example/m"}}
	a := &m.Alerts[0]
	a.Count = 37
	a.Hostname, a.Output = "node-1", "shadow read\n<@all> "+strings.Repeat("长", 400)
	a.Labels = map[string]string{"k8s_ns_name": "pay", "k8s_pod_name": "api-1", "container_image": "reg/api:1", "object": "/etc/shadow"}
	a.Annotations = map[string]string{"user_name": "root", "proc_cmdline": "cat /etc/shadow\x00 " + strings.Repeat("x", 200)}
	return m
}

func TestTypes(t *testing.T) {
	for msgType, c := range map[string]struct {
		text    string // in the post
		buttons []string
	}{
		"markdown_v2":   {"读取影子文件", nil},
		"news":          {"读取影子文件", []string{"https://tocsin.example/"}},
		"template_card": {"Pod: pay/api-1\nImage: reg/api:1\nUser: root\nCmd: cat /etc/shadow xxx", []string{"认领 https://t.example/a", "静默 https://t.example/s", "处置手册 https://t.example/r"}},
	} {
		t.Run(msgType, func(t *testing.T) {
			robot := robottest.WeCom(robottest.Options{Key: key})
			n := newRobot(t, serve(t, robot), func(c *Config) {
				c.MsgType, c.CardURL, c.MentionedList = msgType, "https://tocsin.example/", []string{"zhang"}
			})
			m := alertMessage()
			if err := n.Notify(t.Context(), m); err != nil {
				t.Fatalf("Notify = %v", err)
			}
			posts := robot.Posts()
			if len(posts) != 2 || n.Cost(m) != 2 {
				t.Fatalf("%d posts at a cost of %d, want the message and one that calls people", len(posts), n.Cost(m))
			}
			if p := posts[0]; p.Type != msgType || !strings.Contains(p.Text, c.text) {
				t.Errorf("a %s of %q, want %q in it", p.Type, p.Text, c.text)
			}
			if msgType == typeCard && !strings.HasPrefix(posts[0].Text, "×37shadow read") {
				t.Errorf("a card of %q, want it to say how often", posts[0].Text)
			}
			if diff := cmp.Diff(c.buttons, posts[0].Buttons); diff != "" {
				t.Errorf("buttons (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"zhang"}, posts[1].Mentions); diff != "" {
				t.Errorf("mentions (-want +got):\n%s", diff)
			}
		})
	}
}

// A card has six rows at most, and an article 512 bytes; characters stay whole.
func TestCardsAndNewsAreShort(t *testing.T) {
	m := alertMessage()
	for label := range m.Alerts[0].Labels {
		m.Alerts[0].Labels[label] = strings.Repeat("长", 100)
	}
	c := newCard(m, "https://tocsin.example/")
	if len(c.Rows) != maxRows || len(c.Jumps) != maxJumps {
		t.Errorf("%d rows and %d buttons, want %d and %d", len(c.Rows), len(c.Jumps), maxRows, maxJumps)
	}
	for _, r := range c.Rows {
		if len(r.Value) > maxCardRow || !utf8.ValidString(r.Value) {
			t.Errorf("row %s has %d bytes: %q", r.Name, len(r.Value), r.Value)
		}
	}
	m.Title, m.Body = strings.Repeat("长", 100), strings.Repeat("长", 400)
	a := newNews(m, "https://tocsin.example/").Articles[0]
	if len(a.Title) > 128 || len(a.Description) > 512 || !utf8.ValidString(a.Title+a.Description) {
		t.Errorf("an article of %d and %d bytes, want 128 and 512 at most", len(a.Title), len(a.Description))
	}
}

// What is too long for three parts comes whole as a file; after a failure only what is missing comes again.
func TestOverflow(t *testing.T) {
	robot := robottest.WeCom(robottest.Options{Key: key})
	n := newRobot(t, serve(t, robot), func(c *Config) { c.Overflow = "file" })
	m := notifiertest.Message()
	m.More = "\n……"
	m.Body = strings.Repeat("很长的文字。", 2000)
	if err := n.Notify(t.Context(), m); err != nil {
		t.Fatalf("Notify = %v", err)
	}
	posts := robot.Posts()
	if len(posts) != 4 || posts[3].Type != "file" || posts[3].Text != m.Body || n.Cost(m) != 5 {
		t.Errorf("%d posts at a cost of %d, the last a %s of %d bytes, want the whole text as a file", len(posts), n.Cost(m), posts[len(posts)-1].Type, len(posts[len(posts)-1].Text))
	}
	m.ID, m.Body = "short", "短"
	if err := n.Notify(t.Context(), m); err != nil || len(robot.Posts()) != 5 || n.Cost(m) != 1 {
		t.Errorf("a short message: %v, %d posts", err, len(robot.Posts())-4)
	}
	robot.Answer(200, nil, `{"errcode":0,"errmsg":"ok"}`) // the first part of another
	robot.Answer(200, nil, `{"errcode":0,"errmsg":"ok"}`)
	robot.Answer(200, nil, `{"errcode":0,"errmsg":"ok"}`)
	robot.Answer(200, nil, `{"errcode":-1,"errmsg":"busy"}`)
	m.ID, m.Body = "other", strings.Repeat("很长的文字。", 2000)
	if e := notifiertest.Failure(t, n.Notify(t.Context(), m), nil); e.Class != pipeline.Retry || e.Unknown {
		t.Errorf("an upload that fails: %v", e)
	}
	before := len(robot.Posts())
	if err := n.Notify(t.Context(), m); err != nil || len(robot.Posts()) != before+1 {
		t.Errorf("the next attempt: %v, %d posts, want the file alone", err, len(robot.Posts())-before)
	}
}
