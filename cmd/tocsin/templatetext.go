package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// printPreview shows a message and the requests that it would be sent in.
func printPreview(out io.Writer, i integration, m pipeline.Message, requests []notifiers.Request, html string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "=== %s\n", i.notifier.ID())
	if m.Title != "" {
		fmt.Fprintf(&b, "--- title, %d bytes\n%s\n", len(m.Title), m.Title)
	}
	if m.Body != "" {
		fmt.Fprintf(&b, "--- text, %d bytes\n%s\n", len(m.Body), m.Body)
	}
	switch {
	case m.HTML != "" && html == "":
		fmt.Fprintf(&b, "--- HTML, %d bytes: --html FILE writes it\n", len(m.HTML))
	case m.HTML != "":
		fmt.Fprintf(&b, "--- HTML, %d bytes: %s\n", len(m.HTML), html)
	}
	var names []string
	for _, p := range m.Mentions {
		names = append(names, p.Name)
	}
	if len(names) > 0 {
		fmt.Fprintf(&b, "--- calls %s\n", strings.Join(names, ", "))
	}
	kind, _, _ := strings.Cut(i.notifier.ID(), "-")
	for n, r := range requests {
		fmt.Fprintf(&b, "--- request %d of %d, %s\n", n+1, len(requests), sizeOf(kind, r))
		if len(r.Body) > 0 {
			fmt.Fprintf(&b, "%s\n", r.Body)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// contentLimits are how many bytes a content may have, by channel and msgtype; bodyLimits how many a request.
// docs/receivers has where they are from.
var (
	contentLimits = map[string]map[string]int{
		"wecom":  {"text": 2048, "markdown": 4096, "markdown_v2": 4096},
		"wechat": {"text": 2048, "markdown": 2048},
	}
	bodyLimits = map[string]int{"dingtalk": 20_000, "feishu": 20_000}
)

// sizeOf says how long a request is, and how long it may be where the channel has a limit.
func sizeOf(kind string, r notifiers.Request) string {
	text := fmt.Sprintf("%d bytes", len(r.Body))
	if r.Method != http.MethodPost {
		return r.Method + ", " + text
	}
	if limit := bodyLimits[kind]; limit > 0 {
		return fmt.Sprintf("%s of %d", text, limit)
	}
	var message map[string]json.RawMessage
	var msgtype string
	var content struct {
		Content string `json:"content"`
	}
	if json.Unmarshal(r.Body, &message) != nil || json.Unmarshal(message["msgtype"], &msgtype) != nil || json.Unmarshal(message[msgtype], &content) != nil {
		return text // a form of its own, without such a limit
	}
	if limit := contentLimits[kind][msgtype]; limit > 0 {
		text += fmt.Sprintf("; %s.content has %d bytes of %d", msgtype, len(content.Content), limit)
	}
	return text
}
