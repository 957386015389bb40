package enrich

import (
	"fmt"
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
	// Wait is how long the events of a container may be held back for its metadata, from the first on; default
	// 500ms, 0 never. Then they are judged without, and their alerts flagged as partial.
	Wait pipeline.Duration `yaml:"wait"`
}

// Sockets are the runtimes' unix sockets: the word auto, a path, or a list of paths. None at all
// means that no runtime is asked.
type Sockets []string

// auto stands for the sockets of knownSockets.
const auto = "auto"

// knownSockets are the places where distributions put containerd's socket.
var knownSockets = []string{
	"/run/containerd/containerd.sock",
	"/run/k3s/containerd/containerd.sock", // k3s, rke2
	"/var/snap/microk8s/common/run/containerd.sock",
	"/run/k0s/containerd.sock",
	"/run/dockershim.sock", // Bottlerocket
}

// DefaultConfig asks the runtimes in the known places.
func DefaultConfig() Config {
	return Config{Containers: ContainersConfig{
		Sockets: Sockets{auto},
		Wait:    pipeline.Duration(500 * time.Millisecond),
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
	for _, path := range c.Containers.Sockets {
		if path != auto && !filepath.IsAbs(path) {
			return fmt.Errorf("enrich.containers.sockets: %q: write auto or absolute paths", path)
		}
	}
	if time.Duration(c.Containers.Wait) > time.Minute {
		return fmt.Errorf("enrich.containers.wait: %v is too long: an alert is held back as long, at most 1m", c.Containers.Wait)
	}
	return nil
}

// paths are the sockets to watch, the word auto replaced.
func (s Sockets) paths() []string {
	var paths []string
	for _, p := range s {
		if p == auto {
			paths = append(paths, knownSockets...)
		} else {
			paths = append(paths, p)
		}
	}
	return paths
}
