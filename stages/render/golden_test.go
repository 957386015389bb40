package render

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/templates"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Each file of testdata holds a notification and what every channel shows of it, in both languages.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var n pipeline.Notification
			if err := json.Unmarshal(archive.Files[0].Data, &n); err != nil {
				t.Fatalf("%s of %s: %v", archive.Files[0].Name, file, err)
			}
			got := &txtar.Archive{Comment: archive.Comment, Files: archive.Files[:1:1]}
			for _, language := range []string{"zh", "en"} {
				got.Files = append(got.Files, renderAll(t, n, language, strings.HasPrefix(filepath.Base(file), "links") || filepath.Base(file) == "picture.txtar")...)
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(txtar.Format(archive)), string(txtar.Format(got))); diff != "" {
				t.Errorf("%s (-want +got), write it anew with -update:\n%s", file, diff)
			}
		})
	}
}

func renderAll(t *testing.T, n pipeline.Notification, language string, linked bool) (files []txtar.File) {
	t.Helper()
	cfg := linkedConfig(language)
	if !linked {
		cfg.Links = nil
	}
	r, err := New(cfg, ".")
	if err != nil {
		t.Fatal(err)
	}
	add := func(name, content string) {
		files = append(files, txtar.File{Name: name, Data: []byte(content + "\n")})
	}
	for _, kind := range []string{templates.WeCom, templates.WeComText, templates.DingTalk, templates.Feishu, templates.Slack, templates.Email, templates.Webhook} {
		m, err := r.Render(n, Spec{Kind: kind})
		if err != nil {
			t.Fatal(err)
		}
		checkAsChannel(t, m)
		switch kind {
		case templates.Webhook:
			if language == "zh" { // data only, no language
				add(kind, string(m.Payload))
			}
		case templates.Email:
			add(kind+"."+language+".subject", m.Title)
			add(kind+"."+language+".text", m.Body)
			add(kind+"."+language+".html", strings.TrimSpace(m.HTML))
		default:
			add(kind+"."+language, m.Title+"\n\n"+m.Body)
		}
	}
	return files
}

// linkedConfig has messages with links, as long as they are.
func linkedConfig(language string) Config {
	return Config{Language: language, TimeZone: "Asia/Shanghai", ExternalURL: "https://tocsin.example",
		Links: func(pipeline.Fingerprint, time.Time) (ack, silence string) {
			token := strings.Repeat("_0Az", 10)
			return "https://tocsin.example/ack?t=" + token, "https://tocsin.example/silence?t=" + token
		}}
}

var (
	wecomTags  = regexp.MustCompile(`<font color="(?:info|comment|warning)">|</font>`)
	feishuTags = regexp.MustCompile(`</?[a-zA-Z][^>]*>`)
	links      = regexp.MustCompile(`\]\((?:https://[^()\s]*)?\)?`)
)

// checkAsChannel reads a message as its channel does.
func checkAsChannel(t *testing.T, m pipeline.Message) {
	t.Helper()
	limit := map[string]int{templates.WeCom: 4096, templates.WeComText: 2048, templates.DingTalk: 18_000, templates.Feishu: 18_000}[m.Kind]
	if limit > 0 && len(m.Body) > limit {
		t.Errorf("%s: %d bytes, want the built-in text to fit into %d", m.Kind, len(m.Body), limit)
	}
	if strings.ContainsAny(m.Title, "\r\n") {
		t.Errorf("%s: the title %q is not one line", m.Kind, m.Title)
	}
	switch m.Kind {
	case templates.WeCom:
		rest := wecomTags.ReplaceAllString(m.Body, "")
		if strings.Contains(rest, "<font") || strings.Contains(rest, "<@") || strings.Count(m.Body, "<font") != strings.Count(m.Body, "</font>") {
			t.Errorf("%s: tags that are not ours, or not closed:\n%s", m.Kind, m.Body)
		}
		for line := range strings.Lines(m.Body) {
			if strings.Count(line, "`")%2 != 0 || strings.Count(line, "**")%2 != 0 {
				t.Errorf("%s: an open code span or bold: %s", m.Kind, line)
			}
		}
		checkLinks(t, m)
	case templates.DingTalk:
		checkLinks(t, m)
	case templates.Feishu:
		if tag := feishuTags.FindString(m.Body); tag != "" {
			t.Errorf("%s: the tag %s:\n%s", m.Kind, tag, m.Body)
		}
		checkLinks(t, m)
	case templates.Slack:
		if strings.ContainsAny(m.Title+m.Body, "<>") {
			t.Errorf("%s: a tag:\n%s", m.Kind, m.Body)
		}
	case templates.Email:
		checkHTML(t, m.HTML)
	case templates.Webhook:
		var payload struct {
			Version string            `json:"version"`
			Alerts  []json.RawMessage `json:"alerts"`
		}
		if err := json.Unmarshal(m.Payload, &payload); err != nil || payload.Version != "4" || len(payload.Alerts) != len(m.Alerts) {
			t.Errorf("payload: %v, version %q with %d alerts: %s", err, payload.Version, len(payload.Alerts), m.Payload)
		}
	}
}

// checkLinks lets only links through that the template made: to an https address.
func checkLinks(t *testing.T, m pipeline.Message) {
	t.Helper()
	for _, link := range links.FindAllString(m.Body, -1) {
		if !strings.HasPrefix(link, "](https://") || !strings.HasSuffix(link, ")") {
			t.Errorf("%s: a link that is not ours, %q:\n%s", m.Kind, link, m.Body)
		}
	}
}

// checkHTML wants every tag closed and none that could load or run something.
func checkHTML(t *testing.T, page string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("the HTML part cannot be read: %v\n%s", err, page)
		}
		if start, ok := token.(xml.StartElement); ok {
			switch start.Name.Local {
			case "html", "head", "meta", "title", "body", "p", "b", "h3", "span", "table", "tr", "td", "code", "a":
			default:
				t.Errorf("the HTML part has a <%s>:\n%s", start.Name.Local, page)
			}
		}
	}
}
