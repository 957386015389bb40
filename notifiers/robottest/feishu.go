package robottest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"time"
)

// Feishu returns a robot that behaves like Feishu's: https://…/open-apis/bot/v2/hook/KEY.
func Feishu(o Options) *Robot {
	return newRobot(o, vendor{
		authorise: func(r *Robot, req *http.Request) Code {
			if r.opts.Key != "" && path.Base(req.URL.Path) != r.opts.Key {
				return Code{19001, "param invalid: incoming webhook access token invalid"}
			}
			return ok
		},
		read:      readFeishu,
		tooLong:   Code{9499, "Bad Request"},
		tooFast:   Code{11232, "frequency limited psm[lark.oapi.app_platform_runtime]"},
		perMinute: 100,
		perSecond: 5,
		answer: func(c Code) any {
			return map[string]any{"code": c.Code, "msg": c.Message, "data": struct{}{}}
		},
	})
}

var (
	cardMention = regexp.MustCompile(`<at id=([^>]+)></at>`)
	textMention = regexp.MustCompile(`<at user_id="([^"]+)">[^<]*</at>`)
)

type feishuTagged struct {
	Tag     string `json:"tag"`
	Content string `json:"content"`
}

func readFeishu(r *Robot, _ *http.Request, body []byte) (Post, Code) {
	var m struct {
		Timestamp string `json:"timestamp"`
		Sign      string `json:"sign"`
		MsgType   string `json:"msg_type"`
		Content   struct {
			Text string `json:"text"`
		} `json:"content"`
		Card struct {
			Schema string `json:"schema"`
			Header struct {
				Title    feishuTagged `json:"title"`
				Template string       `json:"template"`
			} `json:"header"`
			Body struct {
				Elements []feishuTagged `json:"elements"`
			} `json:"body"`
		} `json:"card"`
	}
	if len(body) > 20_000 {
		return Post{}, Code{9499, "Bad Request"}
	}
	if code := decode(body, &m, 9499); code != ok {
		return Post{}, code
	}
	if !signedFeishu(r, m.Timestamp, m.Sign) {
		return Post{}, Code{19021, "sign match fail or timestamp is not within one hour from current time"}
	}
	p := Post{Type: m.MsgType, Text: m.Content.Text}
	mention := textMention
	if m.MsgType == "interactive" {
		mention = cardMention
		p.Title, p.Colour = m.Card.Header.Title.Content, m.Card.Header.Template
		for _, e := range m.Card.Body.Elements {
			p.Text += e.Content
		}
		if m.Card.Schema != "2.0" || m.Card.Header.Title.Tag != "plain_text" {
			return p, Code{9499, "Bad Request"}
		}
	}
	for _, who := range mention.FindAllStringSubmatch(p.Text, -1) {
		p.Mentions = append(p.Mentions, who[1])
	}
	switch {
	case p.Type != "interactive" && p.Type != "text", p.Text == "":
		return p, Code{9499, "Bad Request"}
	case !holdsKeyword(p.Title+p.Text, r.opts.Keywords):
		return p, Code{19024, "Key Words Not Found"}
	}
	return p, ok
}

// signedFeishu has the time and the secret in the key, and no message.
func signedFeishu(r *Robot, timestamp, sign string) bool {
	if r.opts.Secret == "" {
		return true
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || r.opts.Now().Sub(time.Unix(seconds, 0)).Abs() > time.Hour {
		return false
	}
	got, err := base64.StdEncoding.DecodeString(sign)
	want := hmac.New(sha256.New, []byte(timestamp+"\n"+r.opts.Secret)).Sum(nil)
	return err == nil && hmac.Equal(got, want)
}
