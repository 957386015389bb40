package templates

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// TruncateBytes returns s in at most n bytes. When it must cut, it cuts between characters, outside
// of tags, links and mentions, closes what is still open there (`<font>`, `**`, code span, fence), and
// ends with marker. With n below len(marker) there is no room for the marker and it is left out.
// Invalid UTF-8 becomes U+FFFD. A text that fits is returned as it is, open markup included.
//
// Channels count bytes, not characters: 4096 bytes are about 1365 Chinese characters.
func TruncateBytes(s string, n int, marker string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	if n < len(marker) {
		marker = ""
	}
	cut, closers := cutBelow(s, n-len(marker))
	return s[:cut] + closers + marker
}

// cutBelow is the last place where the text so far and what closes it are within n bytes.
func cutBelow(s string, n int) (cut int, closers string) {
	// One pass forward. The scan may stop at n bytes, because what follows only grows.
	var m markup
	for i := 0; i < len(s) && i <= n; {
		if i+len(m.closers) <= n {
			cut, closers = i, m.closers
		}
		i += m.step(s[i:])
	}
	return cut, closers
}

// markup follows which pairs are open. Its zero value is the start of a text.
type markup struct {
	open    []pair // outermost first
	closers string // innermost first: what to append to close them all
}

// pair is markup that opens and closes.
type pair struct{ opener, closer string }

// openers is what opens again what is open, in a text that goes on elsewhere.
func (m *markup) openers() string {
	var b strings.Builder
	for _, p := range m.open {
		b.WriteString(p.opener)
	}
	return b.String()
}

const (
	fence      = "```"
	fenceClose = "\n```" // on a line of its own
	codeSpan   = "`"
	bold       = "**"
	fontClose  = "</font>"
)

// step reads one token at the start of s and returns its length: a tag, a link, a pair's mark, or one
// character. There is no cutting inside a token.
func (m *markup) step(s string) int {
	if in := m.innermost(); in == fenceClose || in == codeSpan {
		return m.stepCode(s, in)
	}
	switch {
	case strings.HasPrefix(s, fence):
		m.push(fence+"\n", fenceClose)
		return len(fence)
	case s[0] == '`':
		m.push(codeSpan, codeSpan)
	case strings.HasPrefix(s, bold):
		m.toggle(bold)
		return len(bold)
	case s[0] == '\n':
		m.close(bold) // WeCom's bold ends with its line at the latest
	case strings.HasPrefix(s, fontClose):
		m.close(fontClose)
		return len(fontClose)
	case strings.HasPrefix(s, "<font"):
		m.push(s[:tagLen(s)], fontClose)
		return tagLen(s)
	case strings.HasPrefix(s, "<@"):
		return tagLen(s)
	case s[0] == '[':
		return linkLen(s)
	}
	return runeLen(s)
}

// stepCode reads code, in which only the closing mark counts; a code span also ends with its line.
func (m *markup) stepCode(s, in string) int {
	mark := strings.TrimPrefix(in, "\n")
	switch {
	case strings.HasPrefix(s, mark):
		m.close(in)
		return len(mark)
	case s[0] == '\n' && in == codeSpan:
		m.close(in)
		m.close(bold)
	}
	return runeLen(s)
}

func (m *markup) innermost() string {
	if len(m.open) == 0 {
		return ""
	}
	return m.open[len(m.open)-1].closer
}

func (m *markup) push(opener, closer string) {
	m.open = append(m.open, pair{opener, closer})
	m.closers = closer + m.closers
}

// close drops the innermost pair that closer ends, if one is open.
func (m *markup) close(closer string) {
	for i := len(m.open) - 1; i >= 0; i-- {
		if m.open[i].closer == closer {
			m.open = slices.Delete(m.open, i, i+1)
			break
		}
	}
	var b strings.Builder
	for _, p := range slices.Backward(m.open) {
		b.WriteString(p.closer)
	}
	m.closers = b.String()
}

func (m *markup) toggle(mark string) {
	if slices.Contains(m.open, pair{mark, mark}) {
		m.close(mark)
		return
	}
	m.push(mark, mark)
}

// tagLen is the length of the tag s starts with. One that its line does not end is taken with the
// whole line, lest a closing tag put behind it be read as its end.
func tagLen(s string) int {
	end := strings.IndexAny(s, ">\n")
	if end < 0 {
		return len(s)
	}
	return end + 1
}

// linkLen is the length of the [text](address) that s starts with, 1 when it is only a bracket.
func linkLen(s string) int {
	text := strings.IndexAny(s, "]\n")
	if text < 0 || !strings.HasPrefix(s[text:], "](") {
		return 1
	}
	if end := strings.IndexAny(s[text:], ")\n"); end > 0 && s[text+end] == ')' {
		return text + end + 1
	}
	return 1
}

func runeLen(s string) int {
	_, size := utf8.DecodeRuneInString(s)
	return size
}
