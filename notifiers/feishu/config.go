package feishu

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Kinds of message text.
const (
	kindCard = "feishu"
	kindText = "feishu_text"
)

// Types of message.
const (
	typeCard = "interactive"
	typeText = "text"
)

// Config is one entry of feishu_configs.
type Config struct {
	SendResolved bool            `yaml:"send_resolved"` // default true
	URL          pipeline.Secret `yaml:"url"`           // the robot's address, with its token
	URLFile      string          `yaml:"url_file"`      // a file that holds it; excludes url
	Secret       pipeline.Secret `yaml:"secret"`        // signing key; empty: the robot is not signed
	SecretFile   string          `yaml:"secret_file"`   // a file that holds it; excludes secret
	MsgType      string          `yaml:"msgtype"`       // interactive (a card, default) or text
	Keywords     []string        `yaml:"keywords"`      // the robot's keywords: one is put into every message
	At           At              `yaml:"at"`

	Mention      notifiers.Mention   `yaml:"mention"`        // whom of the people on call to call
	MaxPerMinute notifiers.PerMinute `yaml:"max_per_minute"` // fewer messages a minute than the channel takes; default as many

	HTTPConfig notifiers.HTTPConfig `yaml:"http_config"` // mostly for a proxy

	Title   string `yaml:"title"`   // template of the card's header; default built in
	Message string `yaml:"message"` // template of the message; default built in
}

// At is whom a message mentions.
type At struct {
	IDs []string `yaml:"ids"` // open ids (ou_…) or user ids of members of the group; a robot knows nobody by phone number
	All bool     `yaml:"all"` // everyone
}

// DefaultConfig is what an entry starts from.
func DefaultConfig() Config { return Config{SendResolved: true, MsgType: typeCard} }

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
	if err := errors.Join(notifiers.OneOf("url", c.URL, c.URLFile), notifiers.OneOf("secret", c.Secret, c.SecretFile)); err != nil {
		return err
	}
	if c.URL != "" {
		if _, err := notifiers.ParseURL(c.URL); err != nil {
			return err
		}
	}
	if c.MsgType != typeCard && c.MsgType != typeText {
		return fmt.Errorf("msgtype %q: use interactive or text", c.MsgType)
	}
	if slices.Contains(c.At.IDs, "") || slices.Contains(c.Keywords, "") {
		return errors.New("at.ids and keywords: an entry is empty")
	}
	for _, id := range c.At.IDs {
		if !isID(id) {
			return fmt.Errorf("at.ids: %q is no open id or user id: they have letters, digits, - and _ only", id)
		}
	}
	if err := c.Mention.Validate(); err != nil {
		return err
	}
	return c.HTTPConfig.Validate()
}

// isID keeps an id from ending the tag that it stands in.
func isID(s string) bool {
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-') {
			return false
		}
	}
	return s != ""
}

// Spec is what the entry wants its messages made of.
func (c Config) Spec() notifiers.Spec {
	kind := kindCard
	if c.MsgType == typeText {
		kind = kindText
	}
	return notifiers.Spec{Kind: kind, Title: c.Title, Body: c.Message}
}
