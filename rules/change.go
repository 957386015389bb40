package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// change is what an element does to one that an earlier element defined. No change is a definition.
type change struct {
	appends, replaces []string // keys
	at                syntax.Pos
	legacy            bool // written "append: true"
}

// Keys that "override" can name, by kind of element.
var (
	appendable  = map[string][]string{"list": {"items"}, "macro": {"condition"}, "rule": {"condition", "output", "desc", "tags", "exceptions"}}
	replaceable = map[string][]string{"list": {"items"}, "macro": {"condition"}, "rule": {"condition", "output", "desc", "tags", "exceptions",
		"priority", "enabled", "warn_evttypes", "skip-if-unknown-filter", "capture", "capture_duration",
		"window", "dedupe", "labels", "annotations", "runbook", "desc_zh"}}
)

// change reads append and override; nil when the element is a definition.
func (c *collector) change(it *Item, kind, name string) (*change, error) {
	override, overrides := it.Get("override")
	key, hasAppend := it.Get("append")
	appends, err := boolean(it, "append", false)
	switch {
	case err != nil:
		return nil, err
	case hasAppend && overrides:
		return nil, syntax.Errorf(key.At, "append and override cannot be used together")
	case overrides:
		return readOverride(it, override, kind)
	case !appends:
		return nil, nil
	}
	ch := &change{at: key.At, legacy: true}
	hint := "write override: {" + appendable[kind][0] + ": append}"
	c.problems.add(Warning, DeprecatedItem, name, key.At, name+": append is deprecated", hint)
	for _, k := range it.Keys {
		switch {
		case slices.Contains(appendable[kind], k.Name):
			ch.appends = append(ch.appends, k.Name)
		case slices.Contains(replaceable[kind], k.Name):
			c.problems.add(Warning, LintIgnoredKey, name, k.At, fmt.Sprintf("%s: %s has no effect beside append: true", name, k.Name),
				"write override: {"+k.Name+": replace}")
		}
	}
	return ch, nil
}

func readOverride(it *Item, override Key, kind string) (*change, error) {
	ch := &change{at: override.At}
	keys, err := override.Keys()
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		operation, err := k.Text()
		if err != nil {
			return nil, err
		}
		allowed := replaceable[kind]
		switch operation.String() {
		case "append":
			allowed = appendable[kind]
			ch.appends = append(ch.appends, k.Name)
		case "replace":
			ch.replaces = append(ch.replaces, k.Name)
		default:
			return nil, &syntax.Error{At: operation.Pos(0), Msg: fmt.Sprintf("override: %q is neither append nor replace", operation.String())}
		}
		if !slices.Contains(allowed, k.Name) {
			hint := "possible: " + strings.Join(allowed, ", ")
			if k.Name == "window" {
				hint = "a window is replaced as a whole: write override: {window: replace}"
			}
			return nil, &syntax.Error{At: k.At, Msg: fmt.Sprintf("override: %s of a %s cannot be used with %s", k.Name, kind, operation.String()), Hint: hint}
		}
		if !it.Has(k.Name) {
			return nil, syntax.Errorf(k.At, "override names %s, which the element does not have", k.Name)
		}
	}
	for _, k := range it.Keys {
		named := slices.Contains(ch.appends, k.Name) || slices.Contains(ch.replaces, k.Name)
		if slices.Contains(replaceable[kind], k.Name) && !named {
			return nil, &syntax.Error{At: k.At, Msg: k.Name + " is not named under override",
				Hint: "say whether it appends or replaces"}
		}
	}
	return ch, nil
}

// how is what the change would do, for messages.
func (ch *change) how() string {
	if len(ch.appends) > 0 || ch.legacy {
		return "append to"
	}
	return "replace in"
}

// missing is the error of a change to what no element before it defined.
func (ch *change) missing(kind, name string, known []string) error {
	hint := syntax.DidYouMean(name, known)
	if hint == "" {
		hint = "it must be defined before, in this file or an earlier one"
	}
	return semantic(ch.at, hint, "there is no %s to %s", kind, ch.how())
}
