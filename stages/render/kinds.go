package render

import (
	"fmt"
	"html"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/templates"
)

// kind says which built-in blocks a channel has, and what is done to its body afterwards.
type kind struct {
	title, body, html string // last parts of block names, as in wecom.zh.body; "" for none
	finish            func(string) string
	payload           bool // the message is JSON
	tree              bool // likewise, of a tree of templates that is the body
}

// kinds are the channels there are. stdout and webhook have no body: they show the alerts themselves.
var kinds = map[string]kind{
	templates.WeCom:          {title: "title", body: "body"},
	templates.WeComText:      {title: "title", body: "body"},
	templates.WeComV2:        {title: "title", body: "body"},
	templates.DingTalkText:   {title: "title", body: "body"},
	templates.DingTalk:       {title: "title", body: "body", finish: hardBreaks},
	templates.Feishu:         {title: "title", body: "body"},
	templates.FeishuText:     {title: "title", body: "body"},
	templates.Slack:          {title: "title", body: "body"},
	templates.Email:          {title: "subject", body: "text", html: "html"},
	templates.WebhookPayload: {tree: true},
	templates.Webhook:        {payload: true},
	templates.Stdout:         {},
	templates.File:           {},
}

// maxTitle is in bytes: previews and mail clients show a quarter of it.
const maxTitle = 256

// texts are the compiled texts of one Spec; nil where the kind has none.
type texts struct {
	title, body, html *templates.Text
	finish            func(string) string
	tree              *tree
}

func compile(set *templates.Set, spec Spec, language string) (*texts, error) {
	k, known := kinds[spec.Kind]
	if !known {
		return nil, fmt.Errorf("unknown kind of channel %q", spec.Kind)
	}
	set, err := set.For(spec.Kind)
	if err != nil {
		return nil, err
	}
	t := &texts{finish: k.finish}
	if k.tree {
		var err error
		t.tree, err = compileTree(set, spec)
		return t, err
	}
	for _, part := range []struct {
		name, text, block string
		into              **templates.Text
		compile           func(name, text string) (*templates.Text, error)
	}{
		{"title", spec.Title, k.title, &t.title, set.Text},
		{"body", spec.Body, k.body, &t.body, set.Text},
		{"html", spec.HTML, k.html, &t.html, set.HTML},
	} {
		switch {
		case part.block == "" && part.text != "":
			return nil, fmt.Errorf("a %s message has no %s: remove that template", spec.Kind, part.name)
		case part.block == "":
			continue
		case part.text == "":
			part.text = fmt.Sprintf("{{ template %q . }}", spec.Kind+"."+language+"."+part.block)
		}
		if *part.into, err = part.compile(spec.Kind+" "+part.name, part.text); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// render fills title, body and HTML of a message.
func (t *texts) render(d *templates.Data) (m pipeline.Message, err error) {
	if t.title != nil {
		if m.Title, err = t.title.Execute(d); err != nil {
			return m, err
		}
		// A title is one short line wherever it goes; in a mail's header a line break would be an injection.
		m.Title = templates.Clean(strings.Join(strings.Fields(m.Title), " "))
		if m.Title = templates.TruncateBytes(m.Title, maxTitle, "…"); m.Title == "" {
			return m, errEmpty
		}
	}
	if t.body != nil {
		if m.Body, err = t.body.Execute(d); err != nil {
			return m, err
		}
		if m.Body = tidy(m.Body); m.Body == "" {
			return m, errEmpty
		}
		if t.finish != nil {
			m.Body = t.finish(m.Body)
		}
	}
	if t.tree != nil {
		if m.Payload, err = t.tree.execute(d); err != nil {
			return m, err
		}
	}
	if t.html != nil {
		if m.HTML, err = t.html.Execute(d); err != nil {
			return m, err
		}
	}
	return m, nil
}

// tidy drops the blank lines that template actions leave behind: around the text, and more than one
// in a row.
func tidy(s string) string {
	s = strings.TrimSpace(s)
	var b strings.Builder
	b.Grow(len(s))
	blank, only := 0, "" // blank lines since the last other one; what stands in the first
	for line := range strings.SplitSeq(s, "\n") {
		if strings.Trim(line, " \t") == "" {
			if blank++; blank == 1 {
				only = line
			}
			continue
		}
		switch {
		case blank == 1:
			b.WriteString("\n" + only + "\n")
		case blank > 1:
			b.WriteString("\n\n")
		case b.Len() > 0:
			b.WriteByte('\n')
		}
		b.WriteString(line)
		blank = 0
	}
	return b.String()
}

// hardBreaks ends every line with two blanks, without which DingTalk joins it with the next one.
func hardBreaks(s string) string {
	var b strings.Builder
	b.Grow(len(s) + len(s)/8)
	line, rest, more := strings.Cut(s, "\n")
	for more {
		var next string
		next, rest, more = strings.Cut(rest, "\n")
		if line != "" && next != "" {
			line = strings.TrimRight(line, " ")
			b.WriteString(line)
			b.WriteString("  \n")
		} else {
			b.WriteString(line)
			b.WriteByte('\n')
		}
		line = next
	}
	b.WriteString(line)
	return b.String()
}

// withHTMLNote puts a note at the end of the body.
func withHTMLNote(page, note string) string {
	p := "<p>" + html.EscapeString(note) + "</p>\n"
	if i := strings.LastIndex(page, "</body>"); i >= 0 {
		return page[:i] + p + page[i:]
	}
	return page + p
}
