package templates

// MaxParts is in how many messages a text goes out at most: each costs a robot some of its quota.
const MaxParts = 3

// Split returns text in up to MaxParts parts, in order, each of which fits accepts: fits asks whether a part, with
// whatever the channel adds to it, is within the channel's limit.
func Split(text, more string, fits func(part string) bool) []string {
	if fits(text) {
		return []string{text}
	}
	return []string{TruncateBytes(text, longest(len(text), func(n int) bool { return fits(TruncateBytes(text, n, more)) }), more)}
}

// longest is the largest n up to most with ok(n), for an ok that holds up to some n and not beyond.
func longest(most int, ok func(n int) bool) int {
	low, high := 0, most // ok(low) is hoped for
	for low < high {
		if mid := (low + high + 1) / 2; ok(mid) {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return low
}
