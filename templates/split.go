package templates

import (
	"fmt"
	"strings"
)

// MaxParts is in how many messages a text goes out at most: each costs a robot some of its quota.
const MaxParts = 3

// Split returns text in up to MaxParts parts, in order, each of which fits accepts: fits asks whether a part, with
// whatever the channel adds to it, is within the channel's limit. A text that does not fit into one is cut where a blank
// line separates alerts, else at the end of a line, else between characters, with markup that is open there closed and
// opened again; each part begins with "(2/3)" and a line break. What does not fit into the last is cut, and more stands
// in its place.
func Split(text, more string, fits func(part string) bool) []string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if fits(text) {
		return []string{text}
	}
	var parts []string
	for rest := text; rest != ""; {
		mark := fmt.Sprintf("(%d/%d)\n", len(parts)+1, MaxParts)
		if fits(mark + rest) {
			parts = append(parts, rest)
			break
		}
		if len(parts) == MaxParts-1 {
			parts = append(parts, shorten(rest, more, func(s string) bool { return fits(mark + s) }))
			break
		}
		head, tail := cutPart(rest, func(s string) bool { return fits(mark + s) })
		if head == "" || len(tail) >= len(rest) { // next to no room: what is added is as long as the limit
			return []string{shorten(text, more, fits)}
		}
		parts, rest = append(parts, head), tail
	}
	for i := range parts {
		parts[i] = fmt.Sprintf("(%d/%d)\n%s", i+1, len(parts), parts[i])
	}
	return parts
}

// minHalves is how long a text must be to be worth halving, in bytes: a shorter one is not refused for its length.
const minHalves = 256

// Halve cuts text in two as Split does; second is "" where it is too short for that.
func Halve(text string) (first, second string) {
	if len(text) < minHalves {
		return text, ""
	}
	return cutPart(text, func(s string) bool { return len(s) <= len(text)*5/8 })
}

// shorten is as much of text as fits, with more in the place of the rest.
func shorten(text, more string, fits func(string) bool) string {
	n := longest(len(text), func(n int) bool { return fits(TruncateBytes(text, n, more)) })
	return TruncateBytes(text, n, more)
}

// cutPart cuts text in two, the first of which is as long as fits allows.
func cutPart(text string, fits func(string) bool) (head, tail string) {
	n := longest(len(text)-1, func(n int) bool {
		cut, closers := cutBelow(text, n)
		return fits(text[:cut] + closers)
	})
	cut, _ := cutBelow(text, n)
	if at := boundary(text[:cut]); at > 0 {
		cut = at
	}
	var m markup
	for i := 0; i < cut; {
		i += m.step(text[i:])
	}
	return strings.TrimRight(text[:cut], "\n") + m.closers, m.openers() + strings.TrimLeft(text[cut:], "\n")
}

// boundary is behind the last blank line of s, else behind its last line break, in its second half; 0: there is none.
func boundary(s string) int {
	for _, b := range []string{"\n\n", "\n"} {
		if at := strings.LastIndex(s, b); at >= len(s)/2 && at > 0 {
			return at + len(b)
		}
	}
	return 0
}

// longest is the largest n up to most with ok(n), for an ok that holds up to some n and not beyond; 0 where it never does.
// It asks of little more than that, as a text may be far longer.
func longest(most int, ok func(n int) bool) int {
	low, high := 0, min(1024, most)
	for ok(high) {
		if high == most {
			return most
		}
		low, high = high, min(2*high, most)
	}
	for low < high-1 {
		if mid := (low + high) / 2; ok(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}
