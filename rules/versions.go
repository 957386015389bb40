package rules

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// engineVersion is the version of Falco's rule engine whose language this is.
var engineVersion = [3]int{0, 57, 0}

// checkEngine compares a version, or a bare number N that stands for 0.N.0, with ours.
func checkEngine(version string) error {
	want := [3]int{}
	if n, err := strconv.ParseUint(version, 10, 31); err == nil {
		want[1] = int(n)
	} else if n, err := fmt.Sscanf(version, "%d.%d.%d", &want[0], &want[1], &want[2]); n != 3 || err != nil {
		return fmt.Errorf("required_engine_version: %q is no version such as 0.57.0", version)
	}
	if want[0] != engineVersion[0] || slices.Compare(want[1:], engineVersion[1:]) > 0 {
		return fmt.Errorf("required_engine_version: the file wants %s, this engine speaks %d.%d.%d", version,
			engineVersion[0], engineVersion[1], engineVersion[2])
	}
	return nil
}

// builtinPlugin is the one plugin of Falco's whose fields and events are part of this program.
const builtinPlugin = "container"

// plugin is an entry of required_plugin_versions. The version is not compared: there is only one of
// what is built in.
type plugin struct {
	Name         string   `yaml:"name"`
	Version      any      `yaml:"version"`
	Alternatives []plugin `yaml:"alternatives"`
}

// checkPlugins wants every required plugin, or an alternative to it, to be built in.
func checkPlugins(it *Item) error {
	key, _ := it.Get("required_plugin_versions")
	var wanted []plugin
	if err := key.Decode(&wanted); err != nil {
		return err
	}
	builtin := func(p plugin) bool { return p.Name == builtinPlugin }
	for _, p := range wanted {
		if !builtin(p) && !slices.ContainsFunc(p.Alternatives, builtin) {
			return syntax.Errorf(key.At, "required_plugin_versions: there is no plugin %q", p.Name)
		}
	}
	return nil
}
