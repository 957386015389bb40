package enrich

import (
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestConfigFromYAML(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Config
	}{
		"nothing keeps the defaults": {"{}", DefaultConfig()},
		"the whole block": {`
containers: {sockets: auto, wait: 100ms}
`, Config{
			Containers: ContainersConfig{Sockets: Sockets{"auto"}, Wait: pipeline.Duration(100 * time.Millisecond)},
		}},
		"sockets as a list": {"containers: {sockets: [/run/a.sock, auto]}", Config{
			Containers: ContainersConfig{Sockets: Sockets{"/run/a.sock", "auto"}, Wait: DefaultConfig().Containers.Wait}}},
		"no sockets": {"containers: {sockets: []}", Config{
			Containers: ContainersConfig{Sockets: Sockets{}, Wait: DefaultConfig().Containers.Wait}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := DefaultConfig()
			if err := yaml.UnmarshalWithOptions([]byte(c.text), &got, yaml.Strict()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("config (-want +got):\n%s", diff)
			}
			if err := got.Validate(); err != nil {
				t.Errorf("Validate = %v", err)
			}
		})
	}
}

func TestConfigValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"a relative socket":      {func(c *Config) { c.Containers.Sockets = Sockets{"x.sock"} }, `enrich.containers.sockets: "x.sock"`},
		"a runtime nobody knows": {func(c *Config) { c.Containers.Sockets = Sockets{"rkt:/run/x.sock"} }, `no runtime of kind "rkt"`},
		"a relative host root":   {func(c *Config) { c.Containers.HostRoot = "host" }, "enrich.containers.host_root"},
		"a wait of hours":        {func(c *Config) { c.Containers.Wait = pipeline.Duration(time.Hour) }, "enrich.containers.wait"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := DefaultConfig()
			c.change(&cfg)
			if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Validate = %v, want %q in it", err, c.want)
			}
		})
	}
}
