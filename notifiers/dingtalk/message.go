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
	MsgType  string      `json:"msgtype"`
	Markdown *markdown   `json:"markdown,omitempty"`
	Text     *plain      `json:"text,omitempty"`
	Card     *actionCard `json:"actionCard,omitempty"`
	At       at          `json:"at"`
}

// actionCard has a button for each link; with one it is a button as a whole.
type actionCard struct {
	Title       string   `json:"title"`
	Text        string   `json:"text"`
	Orientation string   `json:"btnOrientation"` // "1": beside each other
	Buttons     []button `json:"btns,omitempty"`
	SingleTitle string   `json:"singleTitle,omitempty"`
	SingleURL   string   `json:"singleURL,omitempty"`
}

type button struct {
	Title string `json:"title"`
	URL   string `json:"actionURL"`
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

// split is what m says in as many texts as it takes, of which the last has room for the mentions.
func split(cfg Config, m pipeline.Message) (texts []string, err error) {
	// Encoding a byte takes one to six: only the encoded body can be measured.
	texts = templates.Split(m.Body, m.More, func(s string) bool {
		body, failed := encode(cfg, m, s, true)
		if failed != nil {
			err = failed
		}
		return len(body) <= maxBody
	})
	return texts, err
}

// encode is the body of one text of m. A keyword is in each: without it nothing is taken.
func encode(cfg Config, m pipeline.Message, text string, called bool) ([]byte, error) {
	if called {
		text += mentions(cfg.At)
	}
	title := withKeyword(templates.TruncateBytes(m.Title, maxTitle, "…"), cfg.Keywords, " ")
	r := newRequest(cfg.MsgType, title, withKeyword(text, cfg.Keywords, "\n\n"), m.Links)
	if called {
		r.At = at{Mobiles: cfg.At.Mobiles, UserIDs: cfg.At.UserIDs, All: cfg.At.All}
	}
	return notifiers.EncodeJSON(r)
}

// newRequest is a card only where there is something to tap.
func newRequest(msgType, title, text string, links []pipeline.Link) request {
	switch {
	case msgType == typeText:
		return request{MsgType: typeText, Text: &plain{text}}
	case msgType == typeActionCard && len(links) > 0:
		card := &actionCard{Title: title, Text: text, Orientation: "1"}
		if len(links) == 1 {
			card.SingleTitle, card.SingleURL = links[0].Title, links[0].URL
		} else {
			for _, l := range links {
				card.Buttons = append(card.Buttons, button{l.Title, l.URL})
			}
		}
		return request{MsgType: typeActionCard, Card: card}
	}
	return request{MsgType: typeMarkdown, Markdown: &markdown{Title: title, Text: text}}
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
