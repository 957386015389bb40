package wecom

import (
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Kinds of message text.
const (
	kindMarkdown = "wecom"
	kindText     = "wecom_text"
	kindV2       = "wecom_v2"
)

// Types of message.
const (
	typeMarkdown = "markdown"
	typeV2       = "markdown_v2"
	typeText     = "text"
	typeCard     = "template_card"
	typeNews     = "news"
	typeImage    = "image"
)

// Config is one entry of wecom_configs.
type Config struct {
	SendResolved bool            `yaml:"send_resolved"` // default true
	URL          pipeline.Secret `yaml:"url"`           // the robot's address, with its key
	URLFile      string          `yaml:"url_file"`      // a file that holds it; excludes url
	MsgType      string          `yaml:"msgtype"`       // markdown (default), markdown_v2, text, template_card or news
	CardURL      string          `yaml:"card_url"`      // page that a card or an article opens
	ImageFile    string          `yaml:"image_file"`    // a picture that follows what fires: whom to call, a code that leads to the runbook; PNG or JPEG up to 2 MB
	Overflow     string          `yaml:"overflow"`      // file: what is too long for the parts of a text comes whole as a file; default it is cut

	// Whom to mention: user ids, or "@all"; and phone numbers, or "@all". Markdown can only mention user
	// ids, so anything else costs a second, text message.
	MentionedList       []string `yaml:"mentioned_list"`
	MentionedMobileList []string `yaml:"mentioned_mobile_list"`

	Mention notifiers.Mention `yaml:"mention"` // whom of the people on call to mention too; default nobody

	MaxPerMinute notifiers.PerMinute `yaml:"max_per_minute"` // fewer messages a minute than the channel takes; default as many

	HTTPConfig notifiers.HTTPConfig `yaml:"http_config"` // mostly for a proxy

	Title   string `yaml:"title"`   // template of the companion text message; default built in
	Message string `yaml:"message"` // template of the message; default built in
}

// DefaultConfig is what an entry starts from.
func DefaultConfig() Config { return Config{SendResolved: true, MsgType: "markdown"} }

// UnmarshalYAML reads an entry over the defaults.
func (c *Config) UnmarshalYAML(unmarshal func(any) error) error {
	*c = DefaultConfig()
	type plain Config
	return unmarshal((*plain)(c))
}

// Validate checks the entry without reading files.
func (c Config) Validate() error {
	if err := c.MaxPerMinute.Validate(limits()); err != nil {
		return err
	}
	if c.URL == "" && c.URLFile == "" {
		return errors.New("url is missing: paste the robot's webhook address")
	}
	if err := notifiers.OneOf("url", c.URL, c.URLFile); err != nil {
		return err
	}
	if c.URL != "" {
		if _, err := notifiers.ParseURL(c.URL); err != nil {
			return err
		}
	}
	switch c.MsgType {
	case typeMarkdown, typeV2, typeText:
	case typeCard, typeNews:
		if u, err := url.Parse(c.CardURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("card_url %q: a %s needs a page that it opens, as in https://tocsin.example.org", c.CardURL, c.MsgType)
		}
	default:
		return fmt.Errorf("msgtype %q: use markdown, markdown_v2, text, template_card or news", c.MsgType)
	}
	if c.Overflow != "" && c.Overflow != "file" {
		return fmt.Errorf("overflow %q: use file, or leave it out", c.Overflow)
	}
	if slices.Contains(c.MentionedList, "") || slices.Contains(c.MentionedMobileList, "") {
		return errors.New("mentioned_list and mentioned_mobile_list: an entry is empty")
	}
	if err := c.Mention.Validate(); err != nil {
		return err
	}
	return c.HTTPConfig.Validate()
}

// Spec is what the entry wants its messages made of.
func (c Config) Spec() notifiers.Spec {
	kind := kindMarkdown
	switch c.MsgType {
	case typeV2:
		kind = kindV2
	case typeText, typeCard, typeNews:
		kind = kindText
	}
	return notifiers.Spec{Kind: kind, Title: c.Title, Body: c.Message}
}
