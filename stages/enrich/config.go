package enrich

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Config is what the enrich block of the configuration says of containers.
type Config struct {
	Containers ContainersConfig `yaml:"containers"`
}

// ContainersConfig says where container runtimes are and how long their answer is worth waiting for.
type ContainersConfig struct {
	Sockets Sockets `yaml:"sockets"` // default auto
	// HostRoot is where the host's root directory is mounted, if tocsin runs in a container: the known
	// sockets are looked for below it. Default: $HOST_ROOT, else "", which is /.
	HostRoot string `yaml:"host_root"`
	// Wait is how long the events of a container may be held back for its metadata, from the first on; default
	// 500ms, 0 never. Then they are judged without, and their alerts flagged as partial.
	Wait pipeline.Duration `yaml:"wait"`
}

// DefaultConfig asks the runtimes in the known places.
func DefaultConfig() Config {
	return Config{Containers: ContainersConfig{
		Sockets: Sockets{auto}, HostRoot: os.Getenv("HOST_ROOT"),
		Wait: pipeline.Duration(500 * time.Millisecond),
	}}
}

// UnmarshalYAML reads a single word as a list of one.
func (s *Sockets) UnmarshalYAML(unmarshal func(any) error) error {
	var one string
	if unmarshal(&one) == nil {
		*s = Sockets{one}
		return nil
	}
	var list []string
	if err := unmarshal(&list); err != nil {
		return err
	}
	*s = list
	return nil
}

// Validate names the first key that makes no sense.
func (c Config) Validate() error {
	for _, text := range c.Containers.Sockets {
		if text == auto {
			continue
		}
		if _, err := parseSocket(text); err != nil {
			return fmt.Errorf("enrich.containers.sockets: %w", err)
		}
	}
	if root := c.Containers.HostRoot; root != "" && !filepath.IsAbs(root) {
		return fmt.Errorf("enrich.containers.host_root: %q: write an absolute path", root)
	}
	if time.Duration(c.Containers.Wait) > time.Minute {
		return fmt.Errorf("enrich.containers.wait: %v is too long: an alert is held back as long, at most 1m", c.Containers.Wait)
	}
	return nil
}
