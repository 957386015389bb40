package wechat

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Kinds of message text: those of a group robot, whose Markdown is the same.
const (
	kindMarkdown = "wecom"
	kindText     = "wecom_text"
)

// defaultAPI is WeCom's own address.
const defaultAPI = "https://qyapi.weixin.qq.com/cgi-bin/"

// Global holds the wechat_* keys of the global block: defaults for every entry of wechat_configs.
type Global struct {
	APIURL        string          `yaml:"wechat_api_url"`
	APISecret     pipeline.Secret `yaml:"wechat_api_secret"`
	APISecretFile string          `yaml:"wechat_api_secret_file"`
	CorpID        string          `yaml:"wechat_api_corp_id"`
}

// Validate checks what entries do not check again.
func (g Global) Validate() error {
	return notifiers.OneOf("wechat_api_secret", g.APISecret, g.APISecretFile)
}

// Config is one entry of wechat_configs. What it leaves out comes from Global: call Merge.
type Config struct {
	SendResolved  bool            `yaml:"send_resolved"` // default false, as in Alertmanager
	APIURL        string          `yaml:"api_url"`       // default WeCom's
	APISecret     pipeline.Secret `yaml:"api_secret"`    // of the application
	APISecretFile string          `yaml:"api_secret_file"`
	CorpID        string          `yaml:"corp_id"`      // of the organisation
	AgentID       string          `yaml:"agent_id"`     // of the application
	ToUser        string          `yaml:"to_user"`      // user ids, separated by |, or @all
	ToParty       string          `yaml:"to_party"`     // ids of departments, separated by |
	ToTag         string          `yaml:"to_tag"`       // ids of tags, separated by |
	MessageType   string          `yaml:"message_type"` // text (default) or markdown

	Mention    notifiers.Mention    `yaml:"mention"`     // who of the people on call gets it too
	HTTPConfig notifiers.HTTPConfig `yaml:"http_config"` // mostly for a proxy

	Message string `yaml:"message"` // template of the message; default built in
}

// DefaultConfig is what an entry starts from.
func DefaultConfig() Config { return Config{MessageType: "text"} }

// UnmarshalYAML reads an entry over the defaults.
func (c *Config) UnmarshalYAML(unmarshal func(any) error) error {
	*c = DefaultConfig()
	type plain Config
	return unmarshal((*plain)(c))
}

// Merge fills what c leaves out from g.
func (c Config) Merge(g Global) Config {
	or := func(s *string, other string) {
		if *s == "" {
			*s = other
		}
	}
	or(&c.APIURL, g.APIURL)
	or(&c.APIURL, defaultAPI)
	or(&c.CorpID, g.CorpID)
	if c.APISecret == "" && c.APISecretFile == "" {
		c.APISecret, c.APISecretFile = g.APISecret, g.APISecretFile
	}
	return c
}

// Validate checks a merged entry without reading files.
func (c Config) Validate() error {
	switch {
	case c.CorpID == "":
		return errors.New("corp_id is missing, and global.wechat_api_corp_id too")
	case c.APISecret == "" && c.APISecretFile == "":
		return errors.New("api_secret is missing, and global.wechat_api_secret too")
	case c.AgentID == "":
		return errors.New("agent_id is missing: the number of the application")
	case c.ToUser == "" && c.ToParty == "" && c.ToTag == "" && c.Mention == notifiers.Mention{}:
		return errors.New("nobody to send to: set to_user, to_party or to_tag")
	case c.MessageType != "text" && c.MessageType != "markdown":
		return fmt.Errorf("message_type %q: use text or markdown", c.MessageType)
	}
	for key, value := range map[string]string{"agent_id": c.AgentID, "to_user": c.ToUser, "to_party": c.ToParty, "to_tag": c.ToTag} {
		if strings.Contains(value, "{{") {
			return fmt.Errorf("%s: no template can stand here: make a receiver for each", key)
		}
	}
	if _, err := notifiers.ParseURL(pipeline.Secret(c.APIURL)); err != nil {
		return fmt.Errorf("api_%w", err)
	}
	return errors.Join(notifiers.OneOf("api_secret", c.APISecret, c.APISecretFile), c.Mention.Validate(), c.HTTPConfig.Validate())
}

// Spec is what the entry wants its messages made of.
func (c Config) Spec() notifiers.Spec {
	kind := kindText
	if c.MessageType == "markdown" {
		kind = kindMarkdown
	}
	return notifiers.Spec{Kind: kind, Body: c.Message}
}
