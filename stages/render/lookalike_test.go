package render

import (
	"html"
	"regexp"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/templates"
)

// lookalike is a page that shows a message about as its channel's client does, for people to look at.
func lookalike(m pipeline.Message) string {
	if m.Kind == templates.Email {
		head := `<div style="border-bottom:1px solid #ddd;padding-bottom:8px;margin-bottom:8px;font-size:17px">` + html.EscapeString(m.Title) + "</div>"
		return withHead(m.HTML, head)
	}
	return `<!DOCTYPE html><meta charset="utf-8"><style>` + chatStyle + `</style><div class="from"><i>T</i>tocsin<b>` +
		robotName[m.Kind] + `</b></div><div class="bubble ` + m.Kind + `">` + chatHTML(m.Body) + `</div>`
}

// withHead puts a mail's subject above its text.
func withHead(page, head string) string {
	i := strings.Index(page, "<body")
	end := i + strings.Index(page[i:], ">") + 1
	return strings.Replace(page[:end], `style="`, `style="margin:16px;`, 1) + head + page[end:]
}

var robotName = map[string]string{templates.WeCom: "WeCom", templates.DingTalk: "DingTalk"}

const chatStyle = `
body { margin: 14px; background: #ededed; font: 14px/1.6 "Noto Sans CJK SC", system-ui, sans-serif; color: #1d1d1f }
.from { color: #777; font-size: 12px; margin-bottom: 6px }
.from i { display: inline-block; width: 26px; line-height: 26px; margin-right: 8px; border-radius: 5px; background: #2d5f9a; color: #fff; text-align: center; font-style: normal }
.from b { margin-left: 6px; padding: 0 5px; border-radius: 3px; background: #dfe7f1; color: #2d5f9a; font-weight: normal }
.bubble { background: #fff; border-radius: 8px; padding: 12px 14px; overflow-wrap: anywhere }
p, ul, blockquote, h4 { margin: 0 } h4 { font-size: 16px; margin-bottom: 2px }
ul { padding-left: 18px; margin-bottom: 8px }
blockquote { border-left: 3px solid #ddd; padding-left: 10px; color: #555 }
code { font: 13px ui-monospace, "DejaVu Sans Mono", "Noto Sans Mono CJK SC", monospace; color: #8a3b12; background: #f6f3ef; padding: 1px 3px; border-radius: 3px }
a { color: #2a6fc9; text-decoration: none }
font[color=info] { color: #2ba245 } font[color=comment] { color: #8c8c8c } font[color=warning] { color: #e8590c }
.gap { height: 8px }`

var (
	fontTag  = regexp.MustCompile(`&lt;(font color=&#34;(info|comment|warning)&#34;|/font)&gt;`)
	codeMark = regexp.MustCompile("`([^`]*)`")
	boldMark = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	linkMark = regexp.MustCompile(`\[([^\]]*)\]\((https?://[^)]*)\)`)
)

// chatHTML is a chat's Markdown as HTML: the subset that the built-in texts use.
func chatHTML(text string) string {
	var b strings.Builder
	in := "" // the block that is open
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, " ")
		tag, mark := "p", ""
		for prefix, block := range map[string]string{"> ": "blockquote", "- ": "ul", "#### ": "h4"} {
			if strings.HasPrefix(line, prefix) {
				tag, mark = block, prefix
			}
		}
		if in != "" && (in != tag || line == "") {
			b.WriteString("</" + in + ">")
			in = ""
		}
		if line == "" {
			b.WriteString(`<div class="gap"></div>`)
			continue
		}
		if in == "" {
			b.WriteString("<" + tag + ">")
			in = tag
		} else if tag != "ul" {
			b.WriteString("<br>")
		}
		if tag == "ul" {
			b.WriteString("<li>")
		}
		b.WriteString(inlineHTML(strings.TrimPrefix(line, mark)))
	}
	return b.String()
}

func inlineHTML(line string) string {
	line = html.EscapeString(line)
	line = fontTag.ReplaceAllStringFunc(line, html.UnescapeString)
	line = codeMark.ReplaceAllString(line, "<code>$1</code>")
	line = boldMark.ReplaceAllString(line, "<b>$1</b>")
	return linkMark.ReplaceAllString(line, `<a href="$2">$1</a>`)
}
