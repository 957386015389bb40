package enrich

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Config is the enrich block of the configuration.
type Config struct {
	Containers ContainersConfig `yaml:"containers"`
	GeoIP      GeoIPConfig      `yaml:"geoip"`
	Owners     []OwnerConfig    `yaml:"owners"` // the first whose matchers all hold; not applied yet
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

// GeoIPConfig names the address database; not used yet.
type GeoIPConfig struct {
	Database string `yaml:"database"` // path of a MaxMind file; "" none
}

// OwnerConfig says whose alerts those are whose labels match.
type OwnerConfig struct {
	Matchers    []string          `yaml:"matchers"` // Alertmanager's: name = "value", !=, =~, !~
	Team        string            `yaml:"team"`
	OnCall      string            `yaml:"on_call"`
	Runbook     string            `yaml:"runbook"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
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
	for i, o := range c.Owners {
		if err := o.validate(); err != nil {
			return fmt.Errorf("enrich.owners[%d]: %w", i, err)
		}
	}
	return nil
}

func (o OwnerConfig) validate() error {
	if len(o.Matchers) == 0 {
		return errors.New("matchers: at least one is needed; an owner of everything is what the route's labels are for")
	}
	if o.Team == "" && o.OnCall == "" && o.Runbook == "" && len(o.Labels) == 0 && len(o.Annotations) == 0 {
		return errors.New("gives nothing: set team, on_call, runbook, labels or annotations")
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
