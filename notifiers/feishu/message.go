package feishu

import (
	"slices"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/templates"
)

// maxBody bounds the encoded body, signature included. Feishu answers 9499 above 20 KB; the rest is a margin, because how
// it counts is not documented.
const maxBody = 19_000

// maxTitle is in bytes: the header of a card is two lines at most.
const maxTitle = 256

type request struct {
	Timestamp string   `json:"timestamp,omitempty"`
	Sign      string   `json:"sign,omitempty"`
	MsgType   string   `json:"msg_type"`
	Content   *content `json:"content,omitempty"`
	Card      *card    `json:"card,omitempty"`
}

type content struct {
	Text string `json:"text"`
}

// card is a card of version 2.
type card struct {
	Schema string `json:"schema"`
	Header header `json:"header"`
	Body   body   `json:"body"`
}

type header struct {
	Title    tagged `json:"title"`
	Template string `json:"template"` // colour
}

type body struct {
	Elements []tagged `json:"elements"`
}

type tagged struct {
	Tag     string `json:"tag"`
	Content string `json:"content"`
}

// split is what m says in as many texts as it takes, of which the last has room for the mentions.
func split(cfg Config, m pipeline.Message) ([]string, error) {
	people := called(cfg, m.Mentions)
	var failed error
	size := func(r request) int {
		r.Timestamp, r.Sign = sign("", time.Now()) // as long as the ones it will have
		b, err := notifiers.EncodeJSON(r)
		if err != nil {
			failed = err
		}
		return len(b)
	}
	return templates.Split(m.Body, m.More, func(s string) bool { return size(newRequest(cfg, m, s+people)) <= maxBody }), failed
}

// newRequest is one message, not signed yet. A keyword is in each.
func newRequest(cfg Config, m pipeline.Message, text string) request {
	if !slices.ContainsFunc(cfg.Keywords, func(k string) bool { return strings.Contains(text, k) }) && len(cfg.Keywords) > 0 {
		text += "\n" + cfg.Keywords[0]
	}
	if cfg.MsgType == typeText {
		return request{MsgType: typeText, Content: &content{text}}
	}
	return request{MsgType: typeCard, Card: &card{
		Schema: "2.0",
		Header: header{tagged{"plain_text", templates.TruncateBytes(m.Title, maxTitle, "…")}, colour(m)},
		Body:   body{[]tagged{{"markdown", text}}},
	}}
}

// called are the mentions, in the markup of the type of message; "" where nobody is called.
func called(cfg Config, people []pipeline.Person) string {
	ids := cfg.At.IDs
	for _, p := range people {
		if isID(p.Feishu) {
			ids = notifiers.Also(ids, p.Feishu)
		}
	}
	if cfg.At.All {
		ids = notifiers.Also(ids, "all")
	}
	var b strings.Builder
	for _, id := range ids {
		if cfg.MsgType == typeText {
			b.WriteString(`<at user_id="` + id + `"></at>`)
		} else {
			b.WriteString("<at id=" + id + "></at>")
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "\n" + b.String()
}

// colour of the header: red and orange for what is to be looked at, green when all is over.
func colour(m pipeline.Message) string {
	switch {
	case m.Over():
		return "green"
	case m.Worst <= pipeline.Error:
		return "red"
	case m.Worst == pipeline.Warning:
		return "orange"
	default:
		return "blue"
	}
}
