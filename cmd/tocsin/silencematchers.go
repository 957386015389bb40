package main

import (
	"strconv"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// matchersFrom reads the arguments of a command.
func matchersFrom(args []string) ([]pipeline.Matcher, error) {
	var all []pipeline.Matcher
	for i, arg := range args {
		if i == 0 && !strings.ContainsAny(arg, "=~") {
			all = append(all, pipeline.Matcher{Name: "alertname", Value: arg, IsEqual: true})
			continue
		}
		ms, err := matcher.Parse(quoted(arg))
		if err != nil {
			return nil, err
		}
		all = append(all, matcher.Split(ms)...)
	}
	return all, nil
}

// quoted puts the value of name=value into quotes, where the shell has taken them away: rule=Shadow file read.
func quoted(arg string) string {
	for _, op := range []string{"!=", "=~", "!~", "="} {
		name, value, ok := strings.Cut(arg, op)
		if !ok || strings.ContainsAny(name, "=!~\"{") {
			continue
		}
		if strings.HasPrefix(value, `"`) || !strings.ContainsAny(value, " \t") {
			return arg
		}
		return name + op + strconv.Quote(value)
	}
	return arg
}

// matcherText is a matcher as people write it.
func matcherText(m pipeline.Matcher) string {
	op := map[[2]bool]string{{false, true}: "=", {false, false}: "!=", {true, true}: "=~", {true, false}: "!~"}[[2]bool{m.IsRegex, m.IsEqual}]
	name := m.Name
	if quoted := strconv.Quote(name); strings.ContainsAny(name, " {}!=~,'`") || len(quoted) != len(name)+2 {
		name = quoted
	}
	return name + op + strconv.Quote(m.Value)
}

func matchersOf(ms []pipeline.Matcher) string {
	texts := make([]string, len(ms))
	for i, m := range ms {
		texts[i] = matcherText(m)
	}
	return strings.Join(texts, " ")
}
