package fast

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/template"
)

// value is a text, or what other holds: a *template.Data or *template.Alert, which stand for what they point to, or another
// of the types below as it is.
type value struct {
	s     string
	other any
}

// plain is v as text/template hands it to a function that takes anything.
func (v value) plain() any {
	switch o := v.other.(type) {
	case nil:
		return v.s
	case *template.Alert:
		return *o
	default:
		return o
	}
}

func (v value) print(out *strings.Builder) bool {
	switch o := v.other.(type) {
	case nil:
		out.WriteString(v.s)
	case int, bool, template.KV, template.Pairs, template.Strings, []string, time.Time:
		fmt.Fprint(out, o)
	default:
		return false
	}
	return true
}

// truth is whether v is not empty, as if sees it.
func (v value) truth() (holds, ok bool) {
	switch o := v.other.(type) {
	case nil:
		return v.s != "", true
	case bool:
		return o, true
	case int:
		return o != 0, true
	case *template.Data, *template.Alert, template.Pair, time.Time:
		return true, true
	}
	n, ok := v.length()
	return n > 0, ok
}

func (v value) length() (n int, ok bool) {
	switch o := v.other.(type) {
	case nil:
		return len(v.s), true
	case template.KV:
		return len(o), true
	case template.Alerts:
		return len(o), true
	case []template.Alert:
		return len(o), true
	case template.Pairs:
		return len(o), true
	case template.Strings:
		return len(o), true
	case []string:
		return len(o), true
	}
	return 0, false
}

// at is element i of a list.
func (v value) at(i int) (value, bool) {
	if n, ok := v.length(); !ok || i < 0 || i >= n {
		return value{}, false
	}
	switch o := v.other.(type) {
	case template.Alerts:
		return value{other: &o[i]}, true
	case []template.Alert:
		return value{other: &o[i]}, true
	case template.Pairs:
		return value{other: o[i]}, true
	case template.Strings:
		return value{s: o[i]}, true
	case []string:
		return value{s: o[i]}, true
	}
	return value{}, false
}

// from is the rest of a list, or of a text, from a place within it on.
func (v value) from(i int) (value, bool) {
	switch o := v.other.(type) {
	case nil:
		return value{s: v.s[i:]}, true
	case template.Alerts:
		return value{other: o[i:]}, true
	case []template.Alert:
		return value{other: o[i:]}, true
	}
	return value{}, false
}

// each calls f for every element, with its key or place, as long as f says so.
func (v value) each(f func(key, element value) bool) bool {
	if kv, is := v.other.(template.KV); is {
		for _, name := range slices.Sorted(maps.Keys(kv)) {
			if !f(value{s: name}, value{s: kv[name]}) {
				return false
			}
		}
		return true
	}
	n, ok := v.length()
	if v.other == nil { // a text is no list
		return false
	}
	for i := 0; ok && i < n; i++ {
		var element value
		if element, ok = v.at(i); ok {
			ok = f(value{other: i}, element)
		}
	}
	return ok
}

// field is a field, a key, or the result of a method without arguments.
func (v value) field(name string) (value, bool) {
	switch o := v.other.(type) {
	case template.KV:
		return keyOf(o, name)
	case *template.Alert:
		return fieldOfAlert(o, name)
	case *template.Data:
		return fieldOfData(o, name)
	case template.Pair:
		switch name {
		case "Name":
			return value{s: o.Name}, true
		case "Value":
			return value{s: o.Value}, true
		}
	case template.Pairs:
		switch name {
		case "Names":
			return value{other: o.Names()}, true
		case "Values":
			return value{other: o.Values()}, true
		}
	case template.Alerts:
		switch name {
		case "Firing":
			return value{other: o.Firing()}, true
		case "Resolved":
			return value{other: o.Resolved()}, true
		}
	}
	return value{}, false
}

// keyOf is a key's text. A method goes before a key of its name.
func keyOf(kv template.KV, name string) (value, bool) {
	switch name {
	case "SortedPairs":
		return value{other: kv.SortedPairs()}, true
	case "Names":
		return value{other: kv.Names()}, true
	case "Values":
		return value{other: kv.Values()}, true
	case "String":
		return value{s: kv.String()}, true
	case "Remove":
		return value{}, false
	}
	return value{s: kv[name]}, true
}

func fieldOfAlert(a *template.Alert, name string) (value, bool) {
	switch name {
	case "Labels":
		return value{other: a.Labels}, true
	case "Annotations":
		return value{other: a.Annotations}, true
	case "Status":
		return value{s: a.Status}, true
	case "StartsAt":
		return value{other: a.StartsAt}, true
	case "EndsAt":
		return value{other: a.EndsAt}, true
	case "GeneratorURL":
		return value{s: a.GeneratorURL}, true
	case "Fingerprint":
		return value{s: a.Fingerprint}, true
	}
	return value{}, false
}

func fieldOfData(d *template.Data, name string) (value, bool) {
	switch name {
	case "Alerts":
		return value{other: d.Alerts}, true
	case "Status":
		return value{s: d.Status}, true
	case "Receiver":
		return value{s: d.Receiver}, true
	case "NotificationReason":
		return value{s: d.NotificationReason}, true
	case "GroupLabels":
		return value{other: d.GroupLabels}, true
	case "CommonLabels":
		return value{other: d.CommonLabels}, true
	case "CommonAnnotations":
		return value{other: d.CommonAnnotations}, true
	case "RouteLabels":
		return value{other: d.RouteLabels}, true
	case "ExternalURL":
		return value{s: d.ExternalURL}, true
	}
	return value{}, false
}

// method is the result of a method with an argument.
func (v value) method(name string, argument value) (value, bool) {
	switch o := v.other.(type) {
	case template.KV:
		if keys, is := argument.other.([]string); is && name == "Remove" {
			return value{other: o.Remove(keys)}, true
		}
	case template.Strings:
		if argument.other == nil && name == "Join" {
			return value{s: o.Join(argument.s)}, true
		}
	case time.Time:
		if argument.other == nil && name == "Format" {
			return value{s: o.Format(argument.s)}, true
		}
	}
	return value{}, false
}
