package dingtalk

import (
	"regexp"
	"strings"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/templates"
)

// moderated reports whether DingTalk's moderation refused a message: codes 430101 to 430104 are about an unsafe link,
// text, image or content. Messages about attacks trip it: they quote addresses and commands of attackers.
func moderated(code int) bool { return code >= 430101 && code <= 430104 }

type plain struct {
	Content string `json:"content"`
}

// encodePlain is a part as plain text without anything that looks like an address.
func encodePlain(cfg Config, text string, called bool) ([]byte, error) {
	r := request{MsgType: typeText, Text: &plain{}}
	people := ""
	if called {
		r.At, people = at{Mobiles: cfg.At.Mobiles, UserIDs: cfg.At.UserIDs, All: cfg.At.All}, mentions(cfg.At)
	}
	text = defang(text)
	encode := func(s string) ([]byte, error) {
		r.Text.Content = withKeyword(s+people, cfg.Keywords, "\n")
		return notifiers.EncodeJSON(r)
	}
	body, err := encode(text)
	for n := len(text); err == nil && len(body) > maxBody; n -= n/8 + 1 { // "." is now "[.]"
		body, err = encode(templates.TruncateBytes(text, n, "\n……"))
	}
	return body, err
}

var (
	linkMarkup = regexp.MustCompile(`\[([^\]\n]*)\]\([^)\n]*\)`)
	scheme     = regexp.MustCompile(`(?i)\bhttp(s?)://`)
	hostName   = regexp.MustCompile(`(?i)\b(?:[a-z0-9-]+\.)+[a-z0-9-]+\b`)
)

// defang writes addresses so that nothing follows them and people still read them: hxxp://evil[.]example. Markup goes,
// and with it the links of buttons.
func defang(text string) string {
	text = linkMarkup.ReplaceAllString(text, "$1")
	text = strings.NewReplacer("**", "", "#### ", "", "  \n", "\n").Replace(text)
	text = scheme.ReplaceAllString(text, "hxxp$1://")
	return hostName.ReplaceAllStringFunc(text, func(host string) string { return strings.ReplaceAll(host, ".", "[.]") })
}
