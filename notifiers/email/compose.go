package email

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	netmail "net/mail"
	"strings"

	"github.com/wneessen/go-mail"

	"github.com/tocsin-security/tocsin/pipeline"
)

// compose writes the mail: headers, then text and HTML as alternatives, the preferred one last.
func (m *Mailer) compose(msg pipeline.Message, recipients []*netmail.Address, files []string) ([]byte, error) {
	if strings.ContainsAny(msg.Title, "\r\n") {
		return nil, errors.New("the subject has a line break")
	}
	if msg.Body == "" && msg.HTML == "" {
		return nil, errors.New("the mail has neither text nor HTML")
	}
	out := mail.NewMsg(mail.WithCharset(mail.CharsetUTF8), mail.WithEncoding(mail.EncodingQP), mail.WithNoDefaultUserAgent())
	out.FromMailAddress(m.from)
	out.ToMailAddress(recipients...)
	out.Subject(msg.Title)
	out.SetDateWithValue(m.now())
	out.SetMessageIDWithValue(messageID(msg.ID, m.from.Address))
	// RFC 3834: no vacation notice comes back. The second header is Exchange's word for the same.
	out.SetGenHeader("Auto-Submitted", "auto-generated")
	out.SetGenHeader("X-Auto-Response-Suppress", "All")
	out.SetGenHeader("List-Id", m.listID(msg.Receiver))
	if root := m.root(msg); root != "" {
		out.SetGenHeaderPreformatted(mail.HeaderInReplyTo, root)
		out.SetGenHeaderPreformatted(mail.HeaderReferences, root)
	}
	for name, value := range m.cfg.Headers {
		if !strings.EqualFold(name, "Subject") { // a template, and already in the title
			out.SetGenHeader(mail.Header(name), value)
		}
	}
	switch {
	case msg.HTML == "":
		out.SetBodyString(mail.TypeTextPlain, msg.Body)
	case msg.Body == "":
		out.SetBodyString(mail.TypeTextHTML, msg.HTML)
	default:
		out.SetBodyString(mail.TypeTextPlain, msg.Body)
		out.AddAlternativeString(mail.TypeTextHTML, msg.HTML)
	}
	if err := attach(out, files, msg.Alerts); err != nil {
		return nil, err
	}
	var raw bytes.Buffer
	if _, err := out.WriteTo(&raw); err != nil {
		return nil, err
	}
	return raw.Bytes(), nil
}

// messageID is the same for every attempt of one delivery, so that a server that took the mail before
// the connection broke can see the repeat.
func messageID(id, from string) string {
	sum := sha256.Sum256([]byte(id))
	_, domain, _ := strings.Cut(from, "@")
	return hex.EncodeToString(sum[:16]) + "@" + domain
}
