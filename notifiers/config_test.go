package notifiers_test

import (
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/notifiers/dingtalk"
	"github.com/tocsin-security/tocsin/notifiers/email"
	"github.com/tocsin-security/tocsin/notifiers/stdout"
	"github.com/tocsin-security/tocsin/notifiers/webhook"
	"github.com/tocsin-security/tocsin/notifiers/wecom"
)

// lists are the receivers' keys, as the configuration nests them.
type lists struct {
	Wecom    []wecom.Config    `yaml:"wecom_configs"`
	Dingtalk []dingtalk.Config `yaml:"dingtalk_configs"`
	Email    []email.Config    `yaml:"email_configs"`
	Webhook  []webhook.Config  `yaml:"webhook_configs"`
	Stdout   []stdout.Config   `yaml:"stdout_configs"`
}

func TestConfigsAreReadOverTheirDefaults(t *testing.T) {
	const text = `
webhook_configs: [{url: "http://127.0.0.1:18080/webhook", timeout: 5s, http_config: {authorization: {credentials: abc}}}]
email_configs:
  - {to: audit@example.org, from: tocsin@example.org, smarthost: "127.0.0.1:18025", require_tls: false}
wecom_configs: [{url: "http://127.0.0.1:18080/cgi-bin/webhook/send?key=k1", msgtype: markdown}]
dingtalk_configs:
  - {url: "http://127.0.0.1:18080/robot/send?access_token=t1", secret: SECtest, at: {mobiles: ["13800000000"]}, send_resolved: false}
stdout_configs: [{}]
`
	var got lists
	if err := yaml.UnmarshalWithOptions([]byte(text), &got, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	for _, v := range []interface{ Validate() error }{
		got.Wecom[0], got.Dingtalk[0], got.Email[0], got.Webhook[0], got.Stdout[0],
	} {
		if err := v.Validate(); err != nil {
			t.Errorf("Validate of %T = %v", v, err)
		}
	}
	want := map[string]bool{"wecom": true, "dingtalk": false, "email": false, "webhook": true, "stdout": true}
	resolved := map[string]bool{
		"wecom": got.Wecom[0].SendResolved, "dingtalk": got.Dingtalk[0].SendResolved, "email": got.Email[0].SendResolved,
		"webhook": got.Webhook[0].SendResolved, "stdout": got.Stdout[0].SendResolved,
	}
	if diff := cmp.Diff(want, resolved); diff != "" {
		t.Errorf("send_resolved (-want +got):\n%s", diff)
	}
	if s := string(got.Dingtalk[0].Secret); s != "SECtest" {
		t.Errorf("secret = %q, want it read", s)
	}
	if got.Email[0].RequireTLS == nil || *got.Email[0].RequireTLS {
		t.Error("require_tls: false is not read")
	}
	if got.Stdout[0].Format != "auto" || got.Wecom[0].MsgType != "markdown" {
		t.Errorf("defaults: format %q, msgtype %q", got.Stdout[0].Format, got.Wecom[0].MsgType)
	}
}

func TestUnknownKeysAreErrorsWithAPosition(t *testing.T) {
	for _, text := range []string{
		"wecom_configs:\n  - {url: \"http://a\", msg_type: text}",
		"dingtalk_configs:\n  - {url: \"http://a\", at: {mobile: [\"1\"]}}",
		"email_configs:\n  - {too: a@example.org}",
		"webhook_configs:\n  - {url: \"http://a\", http_config: {basic: {}}}",
		"stdout_configs:\n  - {color: true}",
	} {
		var got lists
		err := yaml.UnmarshalWithOptions([]byte(text), &got, yaml.Strict())
		if err == nil || !strings.Contains(err.Error(), "[2:") {
			t.Errorf("%s\nUnmarshal = %v, want an error at line 2", text, err)
		}
	}
}

func TestPrintedConfigsHideSecrets(t *testing.T) {
	c := dingtalk.Config{URL: "http://a/?access_token=planted", Secret: "SECplanted"}
	b, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), "planted") {
		t.Errorf("the configuration shows its secrets:\n%s", b)
	}
}
