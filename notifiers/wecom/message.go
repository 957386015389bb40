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
	Image    *image    `json:"image,omitempty"`
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
	text    string // of which request makes one; "" where it is made of something else
	last    bool   // of its texts: it carries the mentions
	request func(text string, last bool) request
}

// inParts are texts in one request each.
func inParts(name string, texts []string, request func(text string, last bool) request) (all []part) {
	for i, text := range texts {
		all = append(all, part{fmt.Sprint(name, i), text, i == len(texts)-1, request})
	}
	return all
}

// only is a part that is one request whatever its length.
func only(name string, r request) part {
	return part{name: name, request: func(string, bool) request { return r }}
}

// markdownParts are body in as many messages as it takes. The mentions that markdown can carry stand in the last, and
// have their room in it: one that is cut off reaches nobody.
func markdownParts(body, more string, userIDs []string) []part {
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
	return inParts("markdown", texts, func(text string, last bool) request {
		if last {
			text += added
		}
		return request{MsgType: typeMarkdown, Markdown: &markdown{text}}
	})
}

// v2Parts are body in as many messages as it takes. markdown_v2 carries no mention.
func v2Parts(body, more string) []part {
	texts := templates.Split(body, more, func(s string) bool { return len(s) <= maxMarkdown })
	return inParts("markdown", texts, func(text string, _ bool) request { return request{MsgType: typeV2, V2: &markdown{text}} })
}

// textParts are plain messages; the mentions stand beside the content of the last.
func textParts(name, content, more string, userIDs, mobiles []string) []part {
	texts := templates.Split(content, more, func(s string) bool { return len(s) <= maxText })
	return inParts(name, texts, func(content string, last bool) request {
		t := &text{Content: content}
		if last {
			t.MentionedList, t.MentionedMobileList = userIDs, mobiles
		}
		return request{MsgType: typeText, Text: t}
	})
}
