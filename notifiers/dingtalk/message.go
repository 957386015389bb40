package dingtalk

import (
	"strings"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/templates"
)

const (
	// maxBody bounds the encoded body. DingTalk answers 460101 above 20,000 bytes; the rest is a margin,
	// because where exactly it counts is not documented.
	maxBody = 18_000
	// maxTitle: a phone shows some twenty characters of the preview.
	maxTitle = 256
)

type request struct {
	MsgType  string   `json:"msgtype"`
	Markdown markdown `json:"markdown"`
	At       at       `json:"at"`
}

type markdown struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

type at struct {
	Mobiles []string `json:"atMobiles,omitempty"`
	UserIDs []string `json:"atUserIds,omitempty"`
	All     bool     `json:"isAtAll,omitempty"`
}

// encode builds the bodies: one, or several where the text is long. The last calls people, and a keyword is in each:
// without it nothing is taken.
func encode(cfg Config, m pipeline.Message) (parts []part, err error) {
	title := withKeyword(templates.TruncateBytes(m.Title, maxTitle, "…"), cfg.Keywords, " ")
	people := mentions(cfg.At)
	one := func(text string, called bool) []byte {
		r := request{MsgType: "markdown", Markdown: markdown{Title: title, Text: withKeyword(text, cfg.Keywords, "\n\n")}}
		if called {
			r.At = at{Mobiles: cfg.At.Mobiles, UserIDs: cfg.At.UserIDs, All: cfg.At.All}
		}
		body, failed := notifiers.EncodeJSON(r)
		if failed != nil {
			err = failed
		}
		return body
	}
	// Encoding a byte takes one to six: only the encoded body can be measured.
	texts := templates.Split(m.Body, m.More, func(s string) bool { return len(one(s+people, true)) <= maxBody })
	for i, text := range texts {
		if i == len(texts)-1 {
			parts = append(parts, part{text, true, one(text+people, true)})
		} else {
			parts = append(parts, part{text, false, one(text, false)})
		}
	}
	return parts, err
}

// part is one request of a message.
type part struct {
	text   string
	called bool // people are called in it
	body   []byte
}

// mentions is what must stand in the text for DingTalk to call someone who is also listed in at.
func mentions(a At) string {
	var b strings.Builder
	for _, who := range append(append([]string{}, a.Mobiles...), a.UserIDs...) {
		b.WriteString(" @" + who)
	}
	if b.Len() == 0 {
		return ""
	}
	return "\n\n" + strings.TrimSpace(b.String())
}

// withKeyword makes sure that one of the robot's keywords is in s.
func withKeyword(s string, keywords []string, separator string) string {
	for _, k := range keywords {
		if strings.Contains(s, k) {
			return s
		}
	}
	if len(keywords) == 0 {
		return s
	}
	return s + separator + keywords[0]
}
