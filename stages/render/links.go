package render

import (
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/templates"
)

// linkTitles are what a message's links are called, by language, in their order.
var linkTitles = map[string][3]string{"zh": {"认领", "静默", "处置手册"}, "en": {"Acknowledge", "Silence", "Runbook"}}

// buttons are what can be done about a message's first alert, for channels with buttons. Of several alerts a button would
// leave open which it is about.
func (r *Renderer) buttons(d *templates.Data) (links []pipeline.Link) {
	if len(d.Alerts) != 1 {
		return nil
	}
	for i, name := range [...]string{"ack_url", "silence_url", "runbook_url"} {
		url := d.Alerts[0].Annotations[name]
		if (strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://")) && !strings.ContainsAny(url, " \"<>") {
			links = append(links, pipeline.Link{Title: linkTitles[r.language][i], URL: url})
		}
	}
	return links
}
