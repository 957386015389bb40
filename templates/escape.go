package templates

import (
	"strings"
	"unicode"
)

// Kinds of message text, which decide how values are made safe and which blocks are built in.
const (
	WeCom          = "wecom"         // WeCom robot, msgtype markdown
	WeComText      = "wecom_text"    // WeCom robot, msgtype text
	WeComV2        = "wecom_v2"      // WeCom robot, msgtype markdown_v2
	DingTalk       = "dingtalk"      // DingTalk robot, msgtype markdown
	DingTalkText   = "dingtalk_text" // DingTalk robot, msgtype text
	Feishu         = "feishu"        // Feishu robot, a card
	FeishuText     = "feishu_text"   // Feishu robot, plain text
	Slack          = "slack"         // incoming webhook of Slack
	Email          = "email"
	WebhookPayload = "webhook_payload" // webhook whose payload the configuration makes
	Webhook        = "webhook"
	File           = "file"
	Stdout         = "stdout"
)

// Escaper returns what makes a value safe for a kind of channel. Values (command lines, file names,
// pod names) are an attacker's to choose; they must not become markup, a mention or a link there.
//
// No chat channel documents an escape character, so the few characters that matter are replaced by
// their full-width forms: a reader sees what stood there, and that it was changed. Nothing invisible
// is ever put into a value: it would spoil a copied command silently.
func Escaper(kind string) func(string) string {
	switch kind {
	case WeCom, WeComText, WeComV2, DingTalk, DingTalkText, Feishu, FeishuText:
		return func(s string) string { return neutralise(Clean(s)) }
	case Slack:
		return func(s string) string { return slackEntities.Replace(Clean(s)) }
	case Webhook, WebhookPayload:
		// JSON carries any text; only its own rule, valid UTF-8, is kept.
		return func(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
	default:
		return Clean // mail: html/template escapes the HTML part, and the text part has no markup
	}
}

// slackEntities are the three characters that Slack wants escaped: tags, links and mentions begin with them.
var slackEntities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// Clean makes s one line of harmless text: line breaks become ↵, other control and bidirectional
// control characters vanish, invalid UTF-8 becomes U+FFFD.
func Clean(s string) string {
	if isClean(s) {
		return s
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\v' || r == '\f' || r == 0x85 || r == 0x2028 || r == 0x2029:
			return '↵'
		case r == '\t':
			return ' '
		case unicode.IsControl(r) || isHidden(r):
			return -1
		}
		return r // strings.Map yields U+FFFD for an invalid byte
	}, s)
}

func isClean(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// isHidden is about characters that reorder or hide text: U+202A–202E and U+2066–2069 (embeddings,
// overrides, isolates), the three direction marks, and the zero-width blanks that would break a word
// unseen. Joiners (U+200C, U+200D) stay: scripts and emoji need them.
func isHidden(r rune) bool {
	switch {
	case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
		return true
	case r == 0x200E, r == 0x200F, r == 0x061C, r == 0x200B, r == 0x2060, r == 0xFEFF:
		return true
	}
	return false
}

// neutralise replaces what WeCom, DingTalk and Feishu would read as markup. Only the positions that matter
// change: `a < b`, `grep x | wc` and `2>&1` stay as they are.
func neutralise(s string) string {
	done, b := 0, strings.Builder{} // b has what stands before done, if something was changed there
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= '`' && marking[c] && isMarkup(c, s[:i], s[i+1:]) {
			b.WriteString(s[done:i])
			b.WriteRune(rune(c) + fullWidth)
			done = i + 1
		}
	}
	if done == 0 {
		return s
	}
	b.WriteString(s[done:])
	return b.String()
}

// marking are the characters that isMarkup decides about.
var marking = ['`' + 1]bool{'`': true, '<': true, '@': true, ']': true, '(': true, '*': true, '#': true, '>': true}

// fullWidth is the distance from an ASCII character to its full-width form (U+FF01 is '!').
const fullWidth = 0xFF01 - '!'

// isMarkup decides about one character between before and next. The ends of a value count as the
// worst neighbour, because the template or another value continues there.
func isMarkup(c byte, before, next string) bool {
	switch c {
	case '`':
		return true // ends the code span that templates put values into
	case '<': // <font …>, </font>, <@user>
		return next == "" || isTagStart(next[0])
	case '@': // @all, @所有人
		return startsOrContinues(next, "all") || startsOrContinues(next, "所有人")
	case ']': // [text](link), and a value that ends in ] before a template's (
		return next == ""
	case '(':
		return before == "" || strings.HasSuffix(before, "]")
	case '*': // bold is a pair of pairs; a single one is a glob
		return strings.HasPrefix(next, "*") || strings.HasSuffix(before, "*")
	case '#', '>': // heading and quote, at the start of a line only
		return before == ""
	}
	return false
}

func isTagStart(c byte) bool {
	return c == '/' || c == '@' || c == '!' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// startsOrContinues reports whether s begins with word, in any letter case, or ends inside of it.
func startsOrContinues(s, word string) bool {
	n := min(len(s), len(word))
	return strings.EqualFold(s[:n], word[:n])
}
