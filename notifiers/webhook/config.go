package webhook

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Config is one entry of webhook_configs.
type Config struct {
	SendResolved bool                 `yaml:"send_resolved"` // default true
	URL          pipeline.Secret      `yaml:"url"`
	URLFile      string               `yaml:"url_file"`   // a file that holds it; excludes url
	Method       string               `yaml:"method"`     // ours: POST (default) or PUT
	MaxAlerts    int                  `yaml:"max_alerts"` // most alerts in one payload; 0, the default, means all
	Timeout      pipeline.Duration    `yaml:"timeout"`    // of one attempt; 0, the default, means 10s
	Format       string               `yaml:"format"`     // ours: alertmanager (default), falco, cloudevents
	Mode         string               `yaml:"mode"`       // ours, of cloudevents: structured (default), binary, batch
	Payload      any                  `yaml:"payload"`    // a tree in place of Alertmanager's payload; each text in it is a template
	Signing      Signing              `yaml:"signing"`    // ours
	HTTPConfig   notifiers.HTTPConfig `yaml:"http_config"`
}

// Formats.
const (
	formatAlertmanager = "alertmanager"
	formatFalco        = "falco"
	formatCloudEvents  = "cloudevents"
)

// kindPayload is the kind of message whose payload the configuration makes.
const kindPayload = "webhook_payload"

// DefaultConfig is what an entry starts from.
func DefaultConfig() Config { return Config{SendResolved: true} }

// UnmarshalYAML reads an entry over the defaults.
func (c *Config) UnmarshalYAML(unmarshal func(any) error) error {
	*c = DefaultConfig()
	type plain Config
	return unmarshal((*plain)(c))
}

// Validate checks the entry without reading files.
func (c Config) Validate() error {
	if c.URL == "" && c.URLFile == "" {
		return errors.New("url is missing")
	}
	if err := notifiers.OneOf("url", c.URL, c.URLFile); err != nil {
		return err
	}
	if c.URL != "" {
		if _, err := notifiers.ParseURL(c.URL); err != nil {
			return err
		}
	}
	if c.Method != "" && c.Method != http.MethodPost && c.Method != http.MethodPut {
		return fmt.Errorf("method: %q is neither POST nor PUT", c.Method)
	}
	if c.MaxAlerts < 0 {
		return fmt.Errorf("max_alerts %d: use 0 for all, or a number above", c.MaxAlerts)
	}
	switch format := cmp.Or(c.Format, formatAlertmanager); {
	case !slices.Contains([]string{formatAlertmanager, formatFalco, formatCloudEvents}, format):
		return fmt.Errorf("format %q: use alertmanager, falco or cloudevents", c.Format)
	case c.Mode != "" && format != formatCloudEvents:
		return errors.New("mode: it is of format cloudevents")
	case !slices.Contains([]string{"", "structured", "binary", "batch"}, c.Mode):
		return fmt.Errorf("mode %q: use structured, binary or batch", c.Mode)
	case c.Payload != nil && format != formatAlertmanager:
		return errors.New("payload: it excludes format")
	}
	if _, err := json.Marshal(c.Payload); err != nil {
		return fmt.Errorf("payload: %w", err)
	}
	return errors.Join(c.Signing.Validate(), c.HTTPConfig.Validate())
}

// Spec is what the entry wants its messages made of.
func (c Config) Spec() notifiers.Spec {
	if c.Payload == nil {
		return notifiers.Spec{Kind: "webhook"}
	}
	tree, err := json.Marshal(c.Payload)
	if err != nil { // which Validate says
		tree = []byte("null")
	}
	return notifiers.Spec{Kind: kindPayload, Body: string(tree)}
}
