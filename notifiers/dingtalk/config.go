package dingtalk

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Types of message.
const (
	typeMarkdown   = "markdown"
	typeText       = "text"
	typeActionCard = "actionCard"
)

// Config is one entry of dingtalk_configs.
type Config struct {
	SendResolved bool            `yaml:"send_resolved"` // default true
	URL          pipeline.Secret `yaml:"url"`           // the robot's address, with its access_token
	URLFile      string          `yaml:"url_file"`      // a file that holds it; excludes url
	Secret       pipeline.Secret `yaml:"secret"`        // signing key (加签); empty: the robot is not signed
	SecretFile   string          `yaml:"secret_file"`   // a file that holds it; excludes secret
	MsgType      string          `yaml:"msgtype"`       // markdown (default), text, or actionCard: with buttons where there is one alert
	Keywords     []string        `yaml:"keywords"`      // the robot's keywords: one is put into every message
	At           At              `yaml:"at"`

	Mention notifiers.Mention `yaml:"mention"` // whom of the people on call to mention too; default nobody

	MaxPerMinute notifiers.PerMinute `yaml:"max_per_minute"` // fewer messages a minute than the channel takes; default as many

	HTTPConfig notifiers.HTTPConfig `yaml:"http_config"` // mostly for a proxy

	Title   string `yaml:"title"`   // template of the push preview; default built in
	Message string `yaml:"message"` // template of the message; default built in
}

// At is whom a message mentions.
type At struct {
	Mobiles []string `yaml:"mobiles"`  // phone numbers of members of the group
	UserIDs []string `yaml:"user_ids"` // DingTalk user ids
	All     bool     `yaml:"all"`      // everyone
}

// DefaultConfig is what an entry starts from.
func DefaultConfig() Config { return Config{SendResolved: true, MsgType: typeMarkdown} }

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
	if err := notifiers.OneOf("secret", c.Secret, c.SecretFile); err != nil {
		return err
	}
	if c.URL != "" {
		if _, err := notifiers.ParseURL(c.URL); err != nil {
			return err
		}
	}
	if !slices.Contains([]string{"", typeMarkdown, typeText, typeActionCard}, c.MsgType) {
		return fmt.Errorf("msgtype %q: use markdown, text or actionCard", c.MsgType)
	}
	if slices.Contains(c.At.Mobiles, "") || slices.Contains(c.At.UserIDs, "") || slices.Contains(c.Keywords, "") {
		return errors.New("at.mobiles, at.user_ids and keywords: an entry is empty")
	}
	if err := c.Mention.Validate(); err != nil {
		return err
	}
	return c.HTTPConfig.Validate()
}

// Spec is what the entry wants its messages made of.
func (c Config) Spec() notifiers.Spec {
	kind := "dingtalk"
	if c.MsgType == typeText {
		kind = "dingtalk_text"
	}
	return notifiers.Spec{Kind: kind, Title: c.Title, Body: c.Message}
}
