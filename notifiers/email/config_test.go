package email

import (
	"strings"
	"testing"
)

func TestMerge(t *testing.T) {
	global := Global{
		Smarthost: "smtp.example.org:587", From: "a@example.org", AuthUsername: "u", AuthPasswordFile: "f", RequireTLS: no(),
	}
	merged := Config{To: "b@example.org", AuthPassword: "own"}.Merge(global)
	if err := merged.Validate(); err != nil {
		t.Errorf("Validate after Merge = %v", err)
	}
	if merged.requireTLS() || merged.AuthPassword != "own" || merged.AuthPasswordFile != "" || merged.Smarthost != global.Smarthost {
		t.Errorf("Merge = %+v, want the entry's own password and the rest from global", merged)
	}
	if !(Config{}).requireTLS() {
		t.Error("TLS is not required by default")
	}
}

func TestValidate(t *testing.T) {
	good := Config{To: "a@example.org", From: "b@example.org", Smarthost: "h:25"}
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no recipient":         {func(c *Config) { c.To = "" }, "to is missing"},
		"a broken recipient":   {func(c *Config) { c.To = "nobody" }, "to "},
		"an injection":         {func(c *Config) { c.To = "a@example.org\r\nBcc: x@example.org" }, "to "},
		"no sender":            {func(c *Config) { c.From = "" }, "from is missing"},
		"no server":            {func(c *Config) { c.Smarthost = "" }, "smarthost is missing"},
		"no port":              {func(c *Config) { c.Smarthost = "smtp.example.org" }, "host:port"},
		"an unknown mechanism": {func(c *Config) { c.AuthMechanism = "cram-md5" }, "auth_mechanism"},
		"a line break":         {func(c *Config) { c.Headers = map[string]string{"X-A": "a\nb"} }, "line break"},
		"a header of ours":     {func(c *Config) { c.Headers = map[string]string{"Message-ID": "a"} }, "set by tocsin"},
		"no header's name":     {func(c *Config) { c.Headers = map[string]string{"X A": "a"} }, "not a header's name"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			c.change(&cfg)
			if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Validate = %v, want an error with %q", err, c.want)
			}
		})
	}
	if err := good.Validate(); err != nil {
		t.Errorf("Validate = %v", err)
	}
}
