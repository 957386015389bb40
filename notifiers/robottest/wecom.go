package robottest

import (
	"fmt"
	"net/http"
	"regexp"
	"unicode/utf8"
)

// WeCom returns a robot that behaves like WeCom's.
func WeCom(o Options) *Robot {
	return newRobot(o, vendor{
		authorise: func(r *Robot, req *http.Request) Code {
			if r.opts.Key != "" && req.URL.Query().Get("key") != r.opts.Key {
				return Code{93000, "invalid webhook url, hint: [test]"}
			}
			return ok
		},
		read:      readWeCom,
		perMinute: 20,
		tooFast:   Code{45009, "api freq out of limit"},
	})
}

var inlineMention = regexp.MustCompile(`<@([^>]+)>`)

func readWeCom(_ *Robot, body []byte) (Post, Code) {
	var m struct {
		MsgType  string `json:"msgtype"`
		Markdown struct {
			Content string `json:"content"`
		} `json:"markdown"`
		Text struct {
			Content string   `json:"content"`
			Users   []string `json:"mentioned_list"`
			Mobiles []string `json:"mentioned_mobile_list"`
		} `json:"text"`
	}
	if code := decode(body, &m, 40008); code != ok {
		return Post{}, code
	}
	p := Post{Type: m.MsgType}
	limit := 0
	switch m.MsgType {
	case "markdown":
		p.Text, limit = m.Markdown.Content, 4096
		for _, match := range inlineMention.FindAllStringSubmatch(p.Text, -1) {
			p.Mentions = append(p.Mentions, match[1])
		}
	case "text":
		p.Text, limit = m.Text.Content, 2048
		p.Mentions = append(m.Text.Users, m.Text.Mobiles...)
	default:
		return p, Code{40008, "invalid message type"}
	}
	switch {
	case p.Text == "":
		return p, Code{44004, "text content is empty"}
	case len(p.Text) > limit:
		return p, Code{40058, fmt.Sprintf("%s.content exceed max length %d", m.MsgType, limit)}
	case !utf8.ValidString(p.Text):
		return p, Code{40033, "invalid charset"}
	}
	return p, ok
}
