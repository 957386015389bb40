package rules

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// version is major, minor and patch.
type version [3]int

// engineVersion is the version of Falco's rule engine whose language this is.
var engineVersion = version{0, 63, 0}

// builtinPlugins are Falco's plugins whose fields and events are part of this program, with the version
// whose fields those are.
var builtinPlugins = map[string]version{"container": {0, 6, 0}}

var semver = regexp.MustCompile(`^(\d{1,9})\.(\d{1,9})\.(\d{1,9})([-+][0-9A-Za-z.+-]+)?$`)

func parseVersion(s string) (version, bool) {
	m := semver.FindStringSubmatch(s)
	if m == nil {
		return version{}, false
	}
	var v version
	for i := range v {
		v[i], _ = strconv.Atoi(m[i+1]) // digits, by the pattern
	}
	return v, true
}

// String is the version with dots.
func (v version) String() string {
	return strconv.Itoa(v[0]) + "." + strconv.Itoa(v[1]) + "." + strconv.Itoa(v[2])
}

// satisfies reports whether v will do where want is required: the same major, and not older.
func (v version) satisfies(want version) bool {
	return v[0] == want[0] && slices.Compare(v[1:], want[1:]) >= 0
}

// checkEngine compares a version, or a bare number N that stands for 0.N.0, with ours.
func checkEngine(required syntax.Text) error {
	text := strings.TrimSpace(required.String())
	want, ok := parseVersion(text)
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		want, ok = version{0, int(n), 0}, true
	}
	switch {
	case !ok:
		return syntax.Errorf(required.Pos(0), "required_engine_version: %q is no version such as %s", text, engineVersion)
	case !engineVersion.satisfies(want):
		return semantic(required.Pos(0), "", "required_engine_version: the file wants %s, this engine speaks %s", text, engineVersion)
	}
	return nil
}

// checkPlugins wants every required plugin, or an alternative to it, to be built in.
func checkPlugins(it *Item) error {
	key, _ := it.Get("required_plugin_versions")
	entries, err := key.Entries()
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := checkPlugin(entry); err != nil {
			return err
		}
	}
	return nil
}

func checkPlugin(entry Key) error {
	it, name, found, err := readPlugin(entry)
	if err != nil {
		return err
	}
	names := []string{name.String()}
	if k, ok := it.Get("alternatives"); ok && !k.IsNull() {
		alternatives, err := k.Entries()
		if err != nil {
			return err
		}
		for _, a := range alternatives {
			_, other, works, err := readPlugin(a)
			if err != nil {
				return err
			}
			if slices.Contains(names, other.String()) {
				return semantic(other.Pos(0), "", "required_plugin_versions: plugin %q is named twice in one entry", other)
			}
			names = append(names, other.String())
			found = found || works
		}
	}
	if !found {
		return semantic(name.Pos(0), "", "required_plugin_versions: there is no plugin %s", strings.Join(names, " and none of its alternatives "))
	}
	return nil
}

// readPlugin reads name and version of a plugin and reports whether what is built in will do.
func readPlugin(entry Key) (it *Item, name syntax.Text, works bool, err error) {
	if it, err = entry.item(); err != nil {
		return nil, name, false, err
	}
	if name, err = required(it, "name"); err != nil {
		return it, name, false, err
	}
	text, err := required(it, "version")
	if err != nil {
		return it, name, false, err
	}
	want, ok := parseVersion(text.String())
	if !ok {
		return it, name, false, semantic(text.Pos(0), "", "required_plugin_versions: %q is no version such as 0.4.0", text)
	}
	have, ok := builtinPlugins[name.String()]
	return it, name, ok && have.satisfies(want), nil
}
