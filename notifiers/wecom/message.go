package wecom

import (
	"fmt"
	"strings"

	"github.com/tocsin-security/tocsin/templates"
)

// Limits of the content field in bytes of UTF-8. The robot answers 40058 beyond.
const (
	maxMarkdown = 4096
	maxText     = 2048
)

type request struct {
	MsgType  string    `json:"msgtype"`
	Markdown *markdown `json:"markdown,omitempty"`
	V2       *markdown `json:"markdown_v2,omitempty"`
	Text     *text     `json:"text,omitempty"`
	Card     *card     `json:"template_card,omitempty"`
	News     *news     `json:"news,omitempty"`
	File     *file     `json:"file,omitempty"`
}

type markdown struct {
	Content string `json:"content"`
}

type text struct {
	Content             string   `json:"content"`
	MentionedList       []string `json:"mentioned_list,omitempty"`
	MentionedMobileList []string `json:"mentioned_mobile_list,omitempty"`
}

// part is one request of a message, with a name that tells it from the others.
type part struct {
	name    string
	request request
}

// markdownParts are body in as many messages as it takes. The mentions that markdown can carry stand in the last, and
// have their room in it: one that is cut off reaches nobody.
func markdownParts(body, more string, userIDs []string) (parts []part) {
	var mentions strings.Builder
	for _, id := range userIDs {
		if id != all {
			mentions.WriteString("<@" + id + ">")
		}
	}
	added := mentions.String()
	if added != "" {
		added = "\n" + added
	}
	texts := templates.Split(body, more, func(s string) bool { return len(s)+len(added) <= maxMarkdown })
	texts[len(texts)-1] += added
	for i, text := range texts {
		parts = append(parts, part{fmt.Sprint("markdown", i), request{MsgType: "markdown", Markdown: &markdown{Content: text}}})
	}
	return parts
}

// v2Parts are body in as many messages as it takes. markdown_v2 carries no mention.
func v2Parts(body, more string) (parts []part) {
	for i, text := range templates.Split(body, more, func(s string) bool { return len(s) <= maxMarkdown }) {
		parts = append(parts, part{fmt.Sprint("markdown", i), request{MsgType: typeV2, V2: &markdown{text}}})
	}
	return parts
}

// textParts are plain messages; the mentions stand beside the content of the last.
func textParts(name, content, more string, userIDs, mobiles []string) (parts []part) {
	texts := templates.Split(content, more, func(s string) bool { return len(s) <= maxText })
	for i, content := range texts {
		parts = append(parts, part{fmt.Sprint(name, i), request{MsgType: "text", Text: &text{Content: content}}})
	}
	last := parts[len(parts)-1].request.Text
	last.MentionedList, last.MentionedMobileList = userIDs, mobiles
	return parts
}
