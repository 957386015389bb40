package filter

import (
	"strings"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
)

// pathSet answers pmatch: does some path of the set, part by part, start the value?
type pathSet struct{ paths [][]string }

func newPathSet(values []syntax.Value) *pathSet {
	set := &pathSet{}
	for _, v := range values {
		set.paths = append(set.paths, strings.FieldsFunc(v.Text, func(r rune) bool { return r == '/' }))
	}
	return set
}

func (set *pathSet) match(value string) bool {
	for _, parts := range set.paths {
		if startsPath(parts, value) {
			return true
		}
	}
	return false
}

// startsPath compares parts with the first parts of value; empty parts of value do not count.
func startsPath(parts []string, value string) bool {
	for _, want := range parts {
		value = strings.TrimLeft(value, "/")
		if value == "" {
			return false
		}
		part := value
		if i := strings.IndexByte(value, '/'); i >= 0 {
			part = value[:i]
		}
		value = value[len(part):]
		if part != want && (!strings.ContainsAny(want, "?*[") || !field.Glob(want, part)) {
			return false
		}
	}
	return true
}
