package notifiers

import "time"

// Skewed is from where on two clocks differ enough to matter to a signature. The Date of an answer has whole seconds, and
// some of the way.
const Skewed = time.Minute

// Clock says in words how this machine's clock, which says ours, and that of the server, which says theirs, go together;
// "" where the server did not say. A signature is refused for a wrong secret or a wrong clock, and the answer tells not which.
func Clock(ours, theirs time.Time) string {
	switch off := theirs.Sub(ours).Round(time.Second); {
	case theirs.IsZero():
		return ""
	case off >= Skewed:
		return "this machine's clock is " + off.String() + " behind the server's"
	case off <= -Skewed:
		return "this machine's clock is " + (-off).String() + " ahead of the server's"
	default:
		return "this machine's clock agrees with the server's"
	}
}
