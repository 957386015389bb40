package render

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/templates"
)

// Config says how messages are written.
type Config struct {
	Language    string   `yaml:"language"`     // "zh" (default) or "en": language of the built-in texts
	TimeZone    string   `yaml:"time_zone"`    // IANA name; default: the machine's zone
	ExternalURL string   `yaml:"external_url"` // where people reach tocsin; default none
	Files       []string `yaml:"files"`        // template files, globs; relative to the configuration file

	// Links are the pages to acknowledge and to silence an alert that is told at a time, without a login. nil: none.
	Links func(of pipeline.Fingerprint, told time.Time) (ack, silence string) `yaml:"-"`
}

// Validate checks the settings without reading files.
func (c Config) Validate() error {
	if c.Language != "" && c.Language != "zh" && c.Language != "en" {
		return fmt.Errorf("language %q: use zh or en", c.Language)
	}
	if u, err := url.Parse(c.ExternalURL); err != nil || c.ExternalURL != "" && (u.Scheme == "" || u.Host == "") {
		return fmt.Errorf("external_url %q: use an absolute URL, as in https://tocsin.example.org", c.ExternalURL)
	}
	_, err := c.zone()
	return err
}

func (c Config) zone() (*time.Location, error) {
	if c.TimeZone == "" {
		return time.Local, nil
	}
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("time_zone %q: use a name of the IANA database, as in Asia/Shanghai: %w", c.TimeZone, err)
	}
	return zone, nil
}

// Spec is what one receiver wants its messages made of. Empty texts mean the built-in ones.
type Spec struct {
	Kind  string // one of the kinds of package templates: wecom, dingtalk, …
	Title string
	Body  string
	HTML  string
}

// Renderer renders notifications. It is safe for concurrent use.
type Renderer struct {
	language    string
	zone        *time.Location
	externalURL string
	links       func(pipeline.Fingerprint, time.Time) (ack, silence string)
	user        *templates.Set // what ships, as changed by the user's files
	builtin     *templates.Set // what ships, and nothing else: the last resort

	mu       sync.Mutex
	compiled map[compiledKey]*texts // grows by one for each Spec in the configuration
}

type compiledKey struct {
	set  *templates.Set
	spec Spec
}

// New parses the built-in templates and cfg.Files, found from dir, and runs every built-in block over
// sample alerts, as the files may have replaced some.
func New(cfg Config, dir string) (*Renderer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	r := &Renderer{language: cfg.Language, externalURL: cfg.ExternalURL, links: cfg.Links, compiled: map[compiledKey]*texts{}}
	if r.language == "" {
		r.language = "zh"
	}
	zone, err := cfg.zone()
	if err != nil {
		return nil, err
	}
	r.zone = zone
	if r.builtin, err = templates.Parse(nil, zone); err != nil {
		return nil, err
	}
	files := make([]string, len(cfg.Files))
	for i, f := range cfg.Files {
		if files[i] = f; !filepath.IsAbs(f) {
			files[i] = filepath.Join(dir, f)
		}
	}
	if r.user, err = templates.Parse(files, zone); err != nil {
		return nil, err
	}
	for kind := range kinds {
		if err := r.Check(Spec{Kind: kind}); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Check runs spec's texts over sample alerts: one with everything, several, and one with next to
// nothing. It is meant for the time the configuration is loaded.
func (r *Renderer) Check(spec Spec) error {
	t, err := r.texts(r.user, spec)
	if err != nil {
		return err
	}
	for name, n := range samples() {
		n = templates.WithHeld(n, r.language, r.zone)
		if _, err := t.render(r.data(spec.Kind, n)); err != nil {
			return fmt.Errorf("%s with sample %q: %w", spec.Kind, name, err)
		}
	}
	return nil
}

// Render writes n as spec wants it. When a user's template fails, the built-in text goes out with a
// note that says so. An error means that n cannot be rendered at all: it has no alerts, or an unknown
// kind.
func (r *Renderer) Render(n pipeline.Notification, spec Spec) (pipeline.Message, error) {
	n = templates.WithHeld(n, r.language, r.zone)
	if len(n.Alerts) == 0 {
		return pipeline.Message{}, fmt.Errorf("render notification %s for receiver %q: it has no alerts", n.ID, n.Receiver)
	}
	k, known := kinds[spec.Kind]
	if !known {
		return pipeline.Message{}, fmt.Errorf("render notification %s for receiver %q: unknown kind of channel %q", n.ID, n.Receiver, spec.Kind)
	}
	d := r.data(spec.Kind, n)
	m, err := r.run(r.user, spec, d)
	if err != nil {
		reason := err
		if m, err = r.run(r.builtin, Spec{Kind: spec.Kind}, d); err != nil {
			return m, fmt.Errorf("render notification %s for receiver %q with the built-in %s text: %w", n.ID, n.Receiver, spec.Kind, err)
		}
		m = withNote(m, r.language, spec.Kind, reason)
	}
	if k.payload {
		if m.Payload, err = payload(n, d); err != nil {
			return m, fmt.Errorf("encode notification %s for receiver %q: %w", n.ID, n.Receiver, err)
		}
	}
	if n.Via != "" {
		m = withVia(m, r.language, spec.Kind, n.Via)
	}
	if mark := escalationMark(n.RouteLabels, r.language, spec.Kind); mark != "" && d.Status == "firing" {
		m = marked(m, mark)
	}
	if n.Again {
		m = marked(m, marks[r.language])
	}
	m.More, m.Links = r.more(), r.buttons(d)
	m.GroupKey = n.GroupKey
	m.ID, m.Receiver, m.Kind, m.Again, m.Attempt = n.ID, n.Receiver, spec.Kind, n.Again, n.Attempt
	m.Alerts = templates.Sorted(n.Alerts)
	m.Worst = m.Alerts[0].Priority
	return m, nil
}

// Try is why Render would write n in the built-in form instead of as spec wants it; nil: it would not.
func (r *Renderer) Try(n pipeline.Notification, spec Spec) error {
	n = templates.WithHeld(n, r.language, r.zone)
	if len(n.Alerts) == 0 {
		return errors.New("there are no alerts")
	}
	_, err := r.run(r.user, spec, r.data(spec.Kind, n))
	return err
}

// mores stand where a text is cut, by language.
var mores = map[string]string{"zh": "\n……（内容过长，其余未显示）", "en": "\n… (too long: the rest is not shown)"}

func (r *Renderer) more() string {
	if r.externalURL == "" || len(r.externalURL) > 200 {
		return mores[r.language]
	}
	return mores[r.language] + " " + r.externalURL
}

func (r *Renderer) run(set *templates.Set, spec Spec, d *templates.Data) (pipeline.Message, error) {
	t, err := r.texts(set, spec)
	if err != nil {
		return pipeline.Message{}, err
	}
	return t.render(d)
}

func (r *Renderer) data(kind string, n pipeline.Notification) *templates.Data {
	return templates.NewData(n, templates.Options{Escape: templates.Escaper(kind), ExternalURL: r.externalURL, Links: r.links})
}

// texts compiles spec, once.
func (r *Renderer) texts(set *templates.Set, spec Spec) (*texts, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := compiledKey{set, spec}
	if t := r.compiled[key]; t != nil {
		return t, nil
	}
	t, err := compile(set, spec, r.language)
	if err != nil {
		return nil, err
	}
	r.compiled[key] = t
	return t, nil
}

// errEmpty: a channel refuses an empty message, so an empty text is a template's error.
var errEmpty = errors.New("the template yields no text")

// withNote tells the reader why the message does not look as configured.
func withNote(m pipeline.Message, language, kind string, reason error) pipeline.Message {
	why := templates.TruncateBytes(templates.Escaper(kind)(reason.Error()), 300, "…")
	note := "（自定义模板出错，已改用内置格式：" + why + "）"
	if language == "en" {
		note = "(The receiver's template failed, this is the built-in form: " + why + ")"
	}
	return withLine(m, note)
}

// withLine puts a line at the end of every text.
func withLine(m pipeline.Message, note string) pipeline.Message {
	if m.Body != "" {
		m.Body = strings.TrimRight(m.Body, "\n") + "\n\n" + note
	}
	if m.HTML != "" {
		m.HTML = withHTMLNote(m.HTML, note)
	}
	return m
}
