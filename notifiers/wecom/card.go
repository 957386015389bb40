package wecom

import (
	"strconv"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/templates"
)

// card is a template card of type text_notice: developer.work.weixin.qq.com, "message push". It has no markup and no
// mentions, and its buttons open pages.
type card struct {
	CardType string     `json:"card_type"`
	Source   source     `json:"source"`
	Main     mainTitle  `json:"main_title"`
	Emphasis *mainTitle `json:"emphasis_content,omitempty"`
	Sub      string     `json:"sub_title_text,omitempty"`
	Rows     []row      `json:"horizontal_content_list,omitempty"`
	Jumps    []jump     `json:"jump_list,omitempty"`
	Action   cardAction `json:"card_action"`
}

type source struct {
	Desc  string `json:"desc"`
	Color int    `json:"desc_color"` // 0 grey, 1 black, 2 red, 3 green
}

type mainTitle struct {
	Title string `json:"title"`
	Desc  string `json:"desc,omitempty"`
}

type row struct {
	Name  string `json:"keyname"`
	Value string `json:"value"`
}

type jump struct {
	Type  int    `json:"type"` // 1: a page
	Title string `json:"title"`
	URL   string `json:"url"`
}

type cardAction struct {
	Type int    `json:"type"` // 1: a page
	URL  string `json:"url"`
}

// What a card has room for. Lengths are advice of WeCom's in characters, here in bytes of Chinese.
const (
	maxRows     = 6
	maxJumps    = 3
	maxCardHead = 3 * 26
	maxCardSub  = 3 * 112
	maxCardRow  = 3 * 26
)

// newCard tells of the first alert of a message, in rows what it is about; of several the title says how many.
func newCard(m pipeline.Message, page string) *card {
	c := &card{
		CardType: "text_notice", Source: source{Desc: "tocsin", Color: cardColor(m)},
		Main: mainTitle{Title: templates.TruncateBytes(m.Title, maxCardHead, "…")}, Action: cardAction{1, page},
	}
	if len(m.Alerts) > 0 {
		a := &m.Alerts[0]
		c.Sub = templates.TruncateBytes(templates.Clean(firstOf(a.Output, a.Annotations["description"], a.Annotations["summary"])), maxCardSub, "…")
		c.Rows = rowsOf(a)
	}
	if n := occurrences(m.Alerts); n > 1 {
		c.Emphasis = &mainTitle{Title: "×" + strconv.FormatUint(n, 10)}
	}
	for _, l := range m.Links[:min(len(m.Links), maxJumps)] {
		c.Jumps = append(c.Jumps, jump{1, l.Title, l.URL})
	}
	return c
}

// occurrences is how many times what is told of happened.
func occurrences(alerts []pipeline.Alert) (n uint64) {
	for i := range alerts {
		n += max(alerts[i].Count, 1)
	}
	return n
}

// rowsOf are the most telling values of an alert.
func rowsOf(a *pipeline.Alert) (rows []row) {
	pod := a.Labels["k8s_pod_name"]
	if ns := a.Labels["k8s_ns_name"]; ns != "" && pod != "" {
		pod = ns + "/" + pod
	}
	for _, r := range []row{
		{"Host", firstOf(a.Hostname, a.Labels["hostname"], a.Labels["instance"])}, {"Pod", pod},
		{"Image", a.Labels["container_image"]}, {"User", a.Annotations["user_name"]},
		{"Cmd", a.Annotations["proc_cmdline"]}, {"Object", a.Labels["object"]},
	} {
		if r.Value = templates.TruncateBytes(templates.Clean(r.Value), maxCardRow, "…"); r.Value != "" && len(rows) < maxRows {
			rows = append(rows, r)
		}
	}
	return rows
}

func firstOf(values ...string) string {
	for _, v := range values {
		if strings.TrimSpace(v) != "" {
			return v
		}
	}
	return ""
}

func cardColor(m pipeline.Message) int {
	switch {
	case m.Over():
		return 3
	case m.Worst <= pipeline.Error:
		return 2
	default:
		return 1
	}
}

// news is one article: a title, some text, and a page.
type news struct {
	Articles []article `json:"articles"`
}

type article struct {
	Title       string `json:"title"`       // 128 bytes, which WeCom cuts
	Description string `json:"description"` // 512 bytes, likewise
	URL         string `json:"url"`
}

func newNews(m pipeline.Message, page string) *news {
	return &news{[]article{{
		Title: templates.TruncateBytes(m.Title, 128, "…"), Description: templates.TruncateBytes(m.Body, 512, "…"), URL: page,
	}}}
}
