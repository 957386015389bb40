package slack

import (
	"errors"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// kind of message text.
const kind = "slack"

// Global holds the slack_* keys of the global block: the address of entries that have none.
type Global struct {
	APIURL     pipeline.Secret `yaml:"slack_api_url"`
	APIURLFile string          `yaml:"slack_api_url_file"`
}

// Validate checks what entries do not check again.
func (g Global) Validate() error { return notifiers.OneOf("slack_api_url", g.APIURL, g.APIURLFile) }

// Config is one entry of slack_configs, with the keys of Alertmanager's that an incoming webhook takes. What it leaves out
// comes from Global: call Merge.
type Config struct {
	SendResolved bool            `yaml:"send_resolved"` // default false, as in Alertmanager
	APIURL       pipeline.Secret `yaml:"api_url"`       // of the incoming webhook
	APIURLFile   string          `yaml:"api_url_file"`  // a file that holds it; excludes api_url
	Channel      string          `yaml:"channel"`       // default the webhook's; Slack's newer webhooks ignore it
	Username     string          `yaml:"username"`      // default the webhook's
	IconEmoji    string          `yaml:"icon_emoji"`
	IconURL      string          `yaml:"icon_url"`
	TitleLink    string          `yaml:"title_link"` // a fixed address; default none

	MaxPerMinute notifiers.PerMinute `yaml:"max_per_minute"` // fewer messages a minute than the channel takes; default as many

	HTTPConfig notifiers.HTTPConfig `yaml:"http_config"`

	Title string `yaml:"title"` // template of the title; default built in
	Text  string `yaml:"text"`  // template of the text; default built in
}

// Merge fills what c leaves out from g.
func (c Config) Merge(g Global) Config {
	if c.APIURL == "" && c.APIURLFile == "" {
		c.APIURL, c.APIURLFile = g.APIURL, g.APIURLFile
	}
	return c
}

// Validate checks a merged entry without reading files.
func (c Config) Validate() error {
	if err := c.MaxPerMinute.Validate(limits()); err != nil {
		return err
	}
	if c.APIURL == "" && c.APIURLFile == "" {
		return errors.New("api_url is missing, and global.slack_api_url too: paste the incoming webhook's address")
	}
	if err := notifiers.OneOf("api_url", c.APIURL, c.APIURLFile); err != nil {
		return err
	}
	if c.APIURL != "" {
		if _, err := notifiers.ParseURL(c.APIURL); err != nil {
			return err
		}
	}
	return c.HTTPConfig.Validate()
}

// Spec is what the entry wants its messages made of.
func (c Config) Spec() notifiers.Spec {
	return notifiers.Spec{Kind: kind, Title: c.Title, Body: c.Text}
}
