package templates

import (
	"fmt"
	"html"
	htmltemplate "html/template"
	"maps"
	"strings"
	texttemplate "text/template"

	"github.com/prometheus/alertmanager/template"
)

// For is the set with the functions whose result depends on the channel: mention, link and mdEscape. Those of the set
// itself write plain text.
func (s *Set) For(kind string) (*Set, error) {
	text, err := s.text.Clone()
	if err != nil {
		return nil, fmt.Errorf("compile templates for %s: %w", kind, err)
	}
	page, err := s.html.Clone()
	if err != nil {
		return nil, fmt.Errorf("compile HTML templates for %s: %w", kind, err)
	}
	ours, functions := channelFunctions(kind), maps.Clone(s.functions)
	maps.Copy(functions, ours)
	return &Set{
		text:      text.Funcs(texttemplate.FuncMap(ours)),
		html:      page.Funcs(htmltemplate.FuncMap(htmlFunctions())),
		functions: functions,
	}, nil
}

// channelFunctions write what only the channel understands. Their arguments may be an attacker's: what is unfit for
// markup comes out as text.
func channelFunctions(kind string) template.FuncMap {
	escape := Escaper(kind)
	if kind == Slack { // what comes from an alert is escaped already
		escape = func(s string) string { return Escaper(Slack)(html.UnescapeString(s)) }
	}
	return template.FuncMap{
		// mention calls whoever has that id in the channel: mention "zhangsan".
		"mention": func(id string) string { return mention(kind, id, escape) },
		// link is text that leads to an address: link "Runbook" .Annotations.runbook_url.
		"link": func(text, address string) string { return link(kind, text, address, escape) },
		// mdEscape makes a text safe that a template put together itself; values of alerts are already.
		"mdEscape": escape,
	}
}

// htmlFunctions are the same for mail's HTML part, in which every value is escaped once more.
func htmlFunctions() template.FuncMap {
	return template.FuncMap{
		"mention": func(id string) string { return Clean("@" + id) },
		"link": func(text, address string) htmltemplate.HTML {
			text = html.EscapeString(Clean(text))
			if !isLink(address) {
				return htmltemplate.HTML(text)
			}
			return htmltemplate.HTML(`<a href="` + html.EscapeString(address) + `">` + text + `</a>`)
		},
		"mdEscape": Clean,
	}
}

// mention is what a channel reads as a call to the one with this id; DingTalk calls only who is listed under at, too. An
// id that is none, and that of everyone, is text.
func mention(kind, id string, escape func(string) string) string {
	if !isID(id) {
		return escape("@" + id)
	}
	switch kind {
	case WeCom, WeComText, Slack:
		return "<@" + id + ">"
	case Feishu:
		return "<at id=" + id + "></at>"
	case FeishuText:
		return `<at user_id="` + id + `"></at>`
	default:
		return "@" + id
	}
}

// isID reports whether s can be somebody's id in a chat. That of everyone is nobody's.
func isID(s string) bool {
	if s == "" || len(s) > 64 || strings.EqualFold(s, "all") || strings.EqualFold(s, "here") || strings.EqualFold(s, "channel") {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_-.@+", r)
	})
}

// unlinked are the characters that would end the text of a link.
var unlinked = strings.NewReplacer("[", "［", "]", "］", "|", "｜")

func link(kind, text, address string, escape func(string) string) string {
	text = escape(text)
	if kind == Slack {
		address = html.UnescapeString(address)
	}
	if !isLink(address) {
		return text
	}
	switch kind {
	case WeCom, DingTalk, Feishu:
		return "[" + unlinked.Replace(text) + "](" + address + ")"
	case Slack:
		return "<" + slackEntities.Replace(address) + "|" + unlinked.Replace(text) + ">"
	default:
		return text + " " + address
	}
}
