package templates

import (
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/alertmanager/template"

	"github.com/tocsin-security/tocsin/pipeline"
)

// functions are ours, beside Alertmanager's (which win on a clash of names).
func functions(zone *time.Location) template.FuncMap {
	all := channelFunctions("")
	maps.Copy(all, template.FuncMap{
		// localTime shows a time, or the RFC 3339 text of an annotation, in the configured zone.
		"localTime": func(v any) (string, error) { return showTime(v, zone, "2006-01-02 15:04:05") },
		// clock is the short form: the time of day, with the date only when it is not that of ref.
		"clock": func(v, ref any) (string, error) { return clock(v, ref, zone) },
		// truncateBytes n s cuts s to n bytes, between characters, with markup closed again.
		"truncateBytes": func(n int, s string) string { return TruncateBytes(s, n, "…") },
		// tailBytes n s keeps the last n bytes of s, from a character on: of a chain the near end matters.
		"tailBytes": func(n int, s string) string { return tailBytes(s, n) },
		// ago says how long before the alert something was: ago "en" .Annotations.deployment_age.
		"ago": ago,
		// severityColor is one of WeCom's three colour names for a priority.
		"severityColor": severityColor,
		// severityIcon is a coloured dot, for channels without colours.
		"severityIcon": severityIcon,
		// severityHex is a colour for HTML.
		"severityHex": severityHex,
		// priorityName is the priority in a language: priorityName "zh" "Critical".
		"priorityName": priorityName,
		// isLink reports whether a value can stand as the address of a Markdown link.
		"isLink": isLink,
		// zhDuration is a duration in Chinese: zhDuration "125m" is "2 小时 5 分".
		"zhDuration": zhDuration,
	})
	return all
}

func showTime(v any, zone *time.Location, layout string) (string, error) {
	t, err := asTime(v)
	if err != nil {
		return "", err
	}
	return t.In(zone).Format(layout), nil
}

func clock(v, ref any, zone *time.Location) (string, error) {
	t, err := asTime(v)
	if err != nil {
		return "", err
	}
	r, err := asTime(ref)
	if err != nil {
		return "", err
	}
	if t, r = t.In(zone), r.In(zone); t.Format(time.DateOnly) == r.Format(time.DateOnly) {
		return t.Format("15:04"), nil
	}
	return t.Format("01-02 15:04"), nil
}

func asTime(v any) (time.Time, error) {
	switch v := v.(type) {
	case time.Time:
		return v, nil
	case string:
		t, err := time.Parse(time.RFC3339, v)
		if err != nil {
			return t, fmt.Errorf("%q is not a time in RFC 3339", v)
		}
		return t, nil
	default:
		return time.Time{}, fmt.Errorf("%T is neither a time nor a text", v)
	}
}

func tailBytes(s string, n int) string {
	const ellipsis = "…"
	if len(s) <= n {
		return s
	}
	s = s[len(s)-max(n-len(ellipsis), 0):]
	for len(s) > 0 && !utf8.RuneStart(s[0]) {
		s = s[1:]
	}
	return ellipsis + s
}

// isLink: an address that cannot end the link it stands in, whatever the channel.
func isLink(s string) bool {
	return (strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://")) && !strings.ContainsFunc(s, func(r rune) bool {
		return strings.ContainsRune("()<>|\"`\\", r) || unicode.IsSpace(r) || unicode.IsControl(r)
	})
}

// severe sorts priorities, given by name, into three: act now, look soon, for the record. A name that
// is none of ours counts as the middle one.
func severe(priority string) int {
	p, err := pipeline.ParsePriority(priority)
	switch {
	case err != nil || p == pipeline.Warning:
		return 1
	case p <= pipeline.Error:
		return 2
	default:
		return 0
	}
}

// severityColor: WeCom markdown knows info (green), comment (grey) and warning (orange-red) only.
// Green would say that all is well, so it is never used for an alert.
func severityColor(priority string) string {
	return [...]string{"comment", "warning", "warning"}[severe(priority)]
}

func severityIcon(priority string) string {
	return [...]string{"🔵", "🟠", "🔴"}[severe(priority)]
}

func severityHex(priority string) string {
	return [...]string{"#3b6ea5", "#c77700", "#c0202b"}[severe(priority)]
}

var priorityZH = [...]string{"紧急", "警报", "严重", "错误", "警告", "注意", "信息", "调试"}

func priorityName(language, priority string) string {
	p, err := pipeline.ParsePriority(priority)
	switch {
	case err != nil:
		return priority
	case strings.HasPrefix(language, "zh"):
		return priorityZH[p]
	default:
		return p.String()
	}
}
