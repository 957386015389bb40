package render

import (
	"fmt"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/templates"
)

// marks say that a message may be a repeat of one that was sent before, by language.
var marks = map[string]string{"zh": "（可能重复）", "en": " (may be a repeat)"}

// marked puts a mark behind the title and the first line of the body, where no channel cuts.
func marked(m pipeline.Message, mark string) pipeline.Message {
	if m.Title != "" {
		m.Title = templates.TruncateBytes(m.Title, maxTitle-len(mark), "…") + mark
	}
	if first, rest, more := strings.Cut(m.Body, "\n"); first != "" {
		trimmed := strings.TrimRight(first, " ") // two blanks are a line break in DingTalk's markup
		m.Body = trimmed + mark + first[len(trimmed):]
		if more {
			m.Body += "\n" + rest
		}
	}
	if m.HTML != "" {
		m.HTML = withHTMLNote(m.HTML, strings.TrimSpace(mark))
	}
	return m
}

// viaNotes say that a message was for somebody else, by language: whom, and why it came here.
var viaNotes = map[string]string{"zh": "（转自 %s）", "en": "(Instead of %s)"}

// withVia says at the end that a message was for somebody else.
func withVia(m pipeline.Message, language, kind, via string) pipeline.Message {
	return withLine(m, fmt.Sprintf(viaNotes[language], templates.TruncateBytes(templates.Escaper(kind)(via), 300, "…")))
}

// escalationMarks say why somebody is told of what others were told before, by language: the step, and who is called.
var escalationMarks = map[string][2]string{
	"zh": {"（升级 %s：无人确认）", "（升级 %s：无人确认，请 %s 处理）"},
	"en": {" (escalation %s: not acknowledged)", " (escalation %s: not acknowledged; %s, please)"},
}

// escalationMark is that of a message that is a step of an escalation; "" if it is none.
func escalationMark(labels map[string]string, language, kind string) string {
	step := labels[pipeline.EscalationStep]
	if step == "" || labels[pipeline.Escalation] == "" {
		return ""
	}
	if people := labels[pipeline.EscalationPeople]; people != "" {
		return fmt.Sprintf(escalationMarks[language][1], step, templates.TruncateBytes(templates.Escaper(kind)(people), 80, "…"))
	}
	return fmt.Sprintf(escalationMarks[language][0], step)
}
