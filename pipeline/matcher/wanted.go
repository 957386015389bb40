package matcher

import (
	"regexp/syntax"
	"slices"

	"github.com/prometheus/alertmanager/pkg/labels"
)

// maxValues bounds how many values a regular expression is written out to.
const maxValues = 128

// wanted says what a label has to be for a matcher to hold. It may say too much, never too little; nothing when it
// can be anything, or when a missing label would do.
func wanted(m *labels.Matcher) want {
	var w want
	switch m.Type {
	case labels.MatchEqual:
		w.values = []string{m.Value}
	case labels.MatchRegexp:
		re, err := syntax.Parse(m.Value, syntax.Perl)
		if err != nil { // two halves of groups, which make sense only with what is put around them
			return w
		}
		if w.values = alternatives(re); w.values == nil {
			w.prefix = prefix(re)
		}
	}
	slices.Sort(w.values)
	w.values = slices.Compact(w.values) // an entry is filed once under a value
	if slices.Contains(w.values, "") {
		return want{}
	}
	return w
}

// Values lists what a regular expression can match, where that can be listed; nil: it may match anything else. It may
// list too much, never too little.
func Values(expr string) []string {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil
	}
	return alternatives(re)
}

// Beginning is what everything begins with that a regular expression matches; "" where that is not known.
func Beginning(expr string) string {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return ""
	}
	return prefix(re)
}

// alternatives are the texts that a regular expression can match, where they can be listed: payments|billing,
// node[1-3], crit(ical)?. What matches no character (^, $, \b) is passed over: without it more can match, not less.
func alternatives(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpEndText, syntax.OpBeginLine, syntax.OpEndLine,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return []string{""}
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return nil
		}
		return []string{string(re.Rune)}
	case syntax.OpCharClass:
		return runes(re.Rune)
	case syntax.OpCapture:
		return alternatives(re.Sub[0])
	case syntax.OpQuest:
		if one := alternatives(re.Sub[0]); one != nil {
			return append(one, "")
		}
		return nil
	case syntax.OpAlternate:
		return either(re.Sub)
	case syntax.OpConcat:
		return sequences(re.Sub)
	default:
		return nil
	}
}

// runes lists the characters of a class, given as pairs of first and last.
func runes(ranges []rune) (all []string) {
	for i := 0; i < len(ranges); i += 2 {
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			if all = append(all, string(r)); len(all) > maxValues {
				return nil
			}
		}
	}
	return all
}

func either(parts []*syntax.Regexp) (all []string) {
	for _, part := range parts {
		one := alternatives(part)
		if all = append(all, one...); one == nil || len(all) > maxValues {
			return nil
		}
	}
	return all
}

func sequences(parts []*syntax.Regexp) []string {
	all := []string{""}
	for _, part := range parts {
		ends := alternatives(part)
		if ends == nil || len(all)*len(ends) > maxValues {
			return nil
		}
		longer := make([]string, 0, len(all)*len(ends))
		for _, begin := range all {
			for _, end := range ends {
				longer = append(longer, begin+end)
			}
		}
		all = longer
	}
	return all
}

// prefix is what all that a regular expression matches begins with.
func prefix(re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 {
			return string(re.Rune)
		}
	case syntax.OpCapture:
		return prefix(re.Sub[0])
	case syntax.OpConcat:
		text := ""
		for _, part := range re.Sub {
			text += prefix(part)
			if one := alternatives(part); len(one) != 1 { // the rest comes after something that varies
				break
			}
		}
		return text
	}
	return ""
}
