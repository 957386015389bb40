package dingtalk

import (
	"sort"
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

// encode builds the body, with as much of the text as fits once encoded. Mentions and keyword come after
// the cut: without them nobody is called, or nothing is taken.
func encode(cfg Config, title, text string) (body []byte, err error) {
	r := request{
		MsgType: "markdown",
		At:      at{Mobiles: cfg.At.Mobiles, UserIDs: cfg.At.UserIDs, All: cfg.At.All},
	}
	r.Markdown.Title = withKeyword(templates.TruncateBytes(title, maxTitle, "…"), cfg.Keywords, " ")
	fits := func(room int) bool {
		r.Markdown.Text = withKeyword(templates.TruncateBytes(text, room, cut)+mentions(cfg.At), cfg.Keywords, "\n\n")
		body, err = notifiers.EncodeJSON(r)
		return err != nil || len(body) <= maxBody
	}
	if fits(maxBody) || err != nil {
		return body, err
	}
	// Encoding a byte takes one to six, so the room is searched for, not computed.
	less := sort.Search(maxBody, func(less int) bool { return fits(maxBody - less) })
	fits(maxBody - less)
	return body, err
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
