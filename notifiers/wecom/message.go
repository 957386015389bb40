package wecom

import (
	"strings"

	"github.com/tocsin-security/tocsin/templates"
)

// Limits of the content field in bytes of UTF-8. The robot answers 40058 beyond.
const (
	maxMarkdown = 4096
	maxText     = 2048
)

// cut marks a shortened message.
const cut = "\n……"

type request struct {
	MsgType  string    `json:"msgtype"`
	Markdown *markdown `json:"markdown,omitempty"`
	Text     *text     `json:"text,omitempty"`
}

type markdown struct {
	Content string `json:"content"`
}

type text struct {
	Content             string   `json:"content"`
	MentionedList       []string `json:"mentioned_list,omitempty"`
	MentionedMobileList []string `json:"mentioned_mobile_list,omitempty"`
}

// markdownRequest is body and the mentions that markdown can carry, for which room is kept: a mention
// that is cut off reaches nobody.
func markdownRequest(body string, userIDs []string) request {
	var mentions strings.Builder
	for _, id := range userIDs {
		if id != all {
			mentions.WriteString("<@" + id + ">")
		}
	}
	if mentions.Len() > 0 {
		body = templates.TruncateBytes(body, maxMarkdown-mentions.Len()-1, cut) + "\n" + mentions.String()
	} else {
		body = templates.TruncateBytes(body, maxMarkdown, cut)
	}
	return request{MsgType: "markdown", Markdown: &markdown{Content: body}}
}

// textRequest is a plain message; the mentions stand beside the content.
func textRequest(content string, userIDs, mobiles []string) request {
	return request{MsgType: "text", Text: &text{
		Content:             templates.TruncateBytes(content, maxText, cut),
		MentionedList:       userIDs,
		MentionedMobileList: mobiles,
	}}
}
