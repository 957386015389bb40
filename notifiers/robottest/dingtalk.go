package robottest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DingTalk returns a robot that behaves like DingTalk's.
func DingTalk(o Options) *Robot {
	return newRobot(o, vendor{
		authorise: authoriseDingTalk,
		read:      readDingTalk,
		tooLong:   Code{460101, "message too long, exceed 20000 bytes"},
		tooFast:   Code{130101, "send too fast, exceed 20 times per minute"},
		ban:       10 * time.Minute,
		perMinute: 20,
	})
}

func authoriseDingTalk(r *Robot, req *http.Request) Code {
	q := req.URL.Query()
	if r.opts.Key != "" && q.Get("access_token") != r.opts.Key {
		return Code{300005, "token is not exist"}
	}
	if r.opts.Secret == "" {
		return ok
	}
	timestamp := q.Get("timestamp")
	ms, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || r.opts.Now().Sub(time.UnixMilli(ms)).Abs() > time.Hour {
		return Code{310000, "invalid timestamp"}
	}
	mac := hmac.New(sha256.New, []byte(r.opts.Secret))
	mac.Write([]byte(timestamp + "\n" + r.opts.Secret))
	sign, err := base64.StdEncoding.DecodeString(q.Get("sign"))
	if err != nil || !hmac.Equal(sign, mac.Sum(nil)) {
		return Code{310000, "sign not match"}
	}
	return ok
}

func readDingTalk(r *Robot, _ *http.Request, body []byte) (Post, Code) {
	if len(body) > 20_000 {
		return Post{}, Code{460101, "message too long, exceed 20000 bytes"}
	}
	var m struct {
		MsgType  string `json:"msgtype"`
		Markdown struct {
			Title string `json:"title"`
			Text  string `json:"text"`
		} `json:"markdown"`
		Content struct {
			Text string `json:"content"`
		} `json:"text"`
		Card dingTalkCard `json:"actionCard"`
		At   struct {
			Mobiles []string `json:"atMobiles"`
			UserIDs []string `json:"atUserIds"`
			All     bool     `json:"isAtAll"`
		} `json:"at"`
	}
	if code := decode(body, &m, 40035); code != ok {
		return Post{}, code
	}
	p := Post{Type: m.MsgType}
	switch p.Type {
	case "markdown":
		p.Title, p.Text = m.Markdown.Title, m.Markdown.Text
	case "text":
		p.Title, p.Text = "-", m.Content.Text
	case "actionCard":
		p.Title, p.Text, p.Buttons = m.Card.Title, m.Card.Text, m.Card.buttons()
		if len(p.Buttons) == 0 {
			return p, Code{40035, "missing parameter singleTitle or btns"}
		}
	default:
		return p, Code{400105, "unsupported msgtype"}
	}
	// Only someone who is both listed and named in the text is called.
	for _, who := range slices.Concat(m.At.Mobiles, m.At.UserIDs) {
		if strings.Contains(p.Text, "@"+who) {
			p.Mentions = append(p.Mentions, who)
		}
	}
	if m.At.All {
		p.Mentions = append(p.Mentions, "all")
	}
	switch {
	case p.Title == "" || p.Text == "":
		return p, Code{40035, "missing parameter title or text"}
	case !holdsKeyword(p.Title+p.Text, r.opts.Keywords):
		return p, Code{310000, "keywords not in content"}
	}
	return p, ok
}

// dingTalkCard has one button, or several.
type dingTalkCard struct {
	Title       string `json:"title"`
	Text        string `json:"text"`
	SingleTitle string `json:"singleTitle"`
	SingleURL   string `json:"singleURL"`
	Buttons     []struct {
		Title string `json:"title"`
		URL   string `json:"actionURL"`
	} `json:"btns"`
}

// buttons are "title url" of each.
func (c dingTalkCard) buttons() (all []string) {
	if c.SingleTitle != "" && c.SingleURL != "" {
		return []string{c.SingleTitle + " " + c.SingleURL}
	}
	for _, b := range c.Buttons {
		if b.Title != "" && b.URL != "" {
			all = append(all, b.Title+" "+b.URL)
		}
	}
	return all
}

func holdsKeyword(s string, keywords []string) bool {
	return len(keywords) == 0 || slices.ContainsFunc(keywords, func(k string) bool { return strings.Contains(s, k) })
}
