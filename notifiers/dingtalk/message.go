package dingtalk

import (
	"strings"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/templates"
)

const (
	// maxBody bounds the encoded body. DingTalk answers 460101 above 20,000 bytes; the rest is a margin,
	// because where exactly it counts is not documented.
	maxBody = 18_000
	// maxTitle: a phone shows some twenty characters of the preview.
	maxTitle = 256
)

// cut marks a shortened message.
const cut = "\n\n……"

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

// encode builds the body, cutting the text until all of it fits.
func encode(cfg Config, title, text string) ([]byte, error) {
	r := request{
		MsgType: "markdown",
		At:      at{Mobiles: cfg.At.Mobiles, UserIDs: cfg.At.UserIDs, All: cfg.At.All},
	}
	r.Markdown.Title = withKeyword(templates.TruncateBytes(title, maxTitle, "…"), cfg.Keywords, " ")
	room := len(text)
	for {
		// Mentions and keyword come after the cut: without them nobody is called, or nothing is taken.
		shown := templates.TruncateBytes(text, room, cut)
		r.Markdown.Text = withKeyword(shown+mentions(cfg.At), cfg.Keywords, "\n\n")
		body, err := notifiers.EncodeJSON(r)
		if err != nil {
			return nil, err
		}
		over := len(body) - maxBody
		if over <= 0 || room <= 0 {
			return body, nil
		}
		// A byte of text is at least one byte encoded, so this ends; cutting may take the marker's and
		// the closing tags' bytes too, hence the loop.
		room = min(len(shown), room) - over
	}
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
