package configs

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/tocsin-security/tocsin/pipeline"
)

// keySet are the keys of a mapping that Alertmanager has too, each with those below it; nil: all.
type keySet map[string]keySet

func keysOf(names ...string) keySet {
	set := keySet{}
	for _, name := range names {
		set[name] = nil
	}
	return set
}

// alertmanagerKeys are the keys of which Original tells. Receivers are told in outline, for their addresses are
// secrets: one that has only channels that Alertmanager does not know keeps its name.
func alertmanagerKeys() keySet {
	route := keysOf("receiver", "matchers", "match", "match_re", "continue", "group_by", "group_wait", "group_interval", "repeat_interval",
		"mute_time_intervals", "active_time_intervals", "labels")
	route["routes"] = route
	top := keysOf("templates")
	top["inhibit_rules"] = keysOf("name", "source_matchers", "target_matchers", "source_match", "source_match_re", "target_match", "target_match_re", "equal")
	top["global"] = keysOf("resolve_timeout", "smtp_smarthost", "smtp_from", "smtp_hello", "smtp_auth_username", "smtp_auth_password",
		"smtp_auth_password_file", "smtp_auth_identity", "smtp_require_tls", "smtp_force_implicit_tls")
	top["route"] = route
	top["receivers"] = keysOf("name", "labels")
	top["receivers"]["webhook_configs"] = keysOf("url", "url_file", "send_resolved", "max_alerts")
	top["receivers"]["email_configs"] = keysOf("to", "from", "smarthost", "send_resolved")
	return top
}

// Original is the part of the configuration that Alertmanager has too, in YAML that Alertmanager reads, with every
// secret masked and without comments: what clients of its API ask for, to see receivers and to try routes.
func (l *Loaded) Original() (string, error) {
	var all yaml.MapSlice
	if err := yaml.NodeToValue(l.body, &all, yaml.UseOrderedMap()); err != nil {
		return "", fmt.Errorf("read the configuration again: %w", err)
	}
	kept := outlineMap(all, reflect.TypeFor[Config](), alertmanagerKeys())
	if intervals := slices.Concat(l.TimeIntervals, l.MuteTimeIntervals); len(intervals) > 0 {
		kept = append(kept, yaml.MapItem{Key: "time_intervals", Value: alertmanagerIntervals(intervals)})
	}
	text, err := yaml.MarshalWithOptions(kept, yaml.IndentSequence(true))
	return string(text), err
}

// outline keeps of a value of typ what keys name, and masks what typ says is secret.
func outline(value any, typ reflect.Type, keys keySet) any {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch typ {
	case reflect.TypeFor[pipeline.Secret]():
		return pipeline.Secret("x").String()
	case reflect.TypeFor[pipeline.Duration]():
		return alertmanagerDuration(value)
	}
	switch v := value.(type) {
	case yaml.MapSlice:
		return outlineMap(v, typ, keys)
	case []any:
		if typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = outline(item, typ, keys)
		}
		return list
	default:
		return value
	}
}

func outlineMap(m yaml.MapSlice, typ reflect.Type, keys keySet) yaml.MapSlice {
	fields := map[string]reflect.Type{}
	if typ.Kind() == reflect.Struct {
		fields = fieldsOf(typ)
	}
	var kept yaml.MapSlice
	for _, item := range m {
		name := fmt.Sprint(item.Key)
		field, known := fields[name]
		below, wanted := keys[name]
		switch {
		case keys != nil && !wanted || typ.Kind() == reflect.Struct && !known:
			continue
		case typ.Kind() == reflect.Map:
			field = typ.Elem()
		case !known:
			field = reflect.TypeFor[any]()
		}
		kept = append(kept, yaml.MapItem{Key: name, Value: outline(item.Value, field, below)})
	}
	return kept
}

// alertmanagerDuration writes a duration as Alertmanager reads it: without fractions, the units in their order.
func alertmanagerDuration(value any) any {
	d, err := pipeline.ParseDuration(fmt.Sprint(value))
	if err != nil {
		return value
	}
	text := ""
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}} {
		if n := d / unit.of; n > 0 {
			text += fmt.Sprintf("%d%s", n, unit.name)
			d %= unit.of
		}
	}
	if text == "" {
		return "0s"
	}
	return text
}
