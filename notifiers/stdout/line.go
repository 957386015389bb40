package stdout

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/tocsin-security/tocsin/pipeline"
)

// SGR codes of ECMA-48.
const (
	reset  = "\x1b[0m"
	dim    = "\x1b[2m"
	red    = "\x1b[1;31m"
	yellow = "\x1b[33m"
	blue   = "\x1b[34m"
)

// AppendLine appends one alert on one line for a person: when, how bad, which rule, where, what, and
// how often. What an attacker can choose cannot move the cursor or colour the screen.
func AppendLine(dst []byte, a pipeline.Alert, color bool) []byte {
	paint := func(code, s string) {
		if color {
			dst = append(append(append(dst, code...), s...), reset...)
		} else {
			dst = append(dst, s...)
		}
	}
	paint(dim, a.Time.Local().Format("15:04:05"))
	dst = append(dst, ' ')
	hue, grave := colorOf(a.Priority), strings.ToUpper(a.Priority.String())
	if a.Closing { // no alarm of its own
		hue, grave = dim, "SUMMARY"
	}
	paint(hue, padded(grave))
	dst = append(dst, ' ')
	paint(hue, printable(a.Rule))
	if a.Count > 1 {
		dst = append(dst, " ×"...)
		dst = strconv.AppendUint(dst, a.Count, 10)
	}
	if a.Escalated {
		dst = append(dst, " escalating"...)
	}
	if where := place(a.Labels, a.Hostname); where != "" {
		dst = append(dst, ' ')
		paint(dim, printable(where))
	}
	if about := aside(&a); about != "" {
		dst = append(dst, ' ')
		paint(dim, printable(about))
	}
	return append(append(dst, "  "...), printable(a.Output)...)
}

func colorOf(p pipeline.Priority) string {
	switch {
	case p <= pipeline.Error:
		return red
	case p <= pipeline.Warning:
		return yellow
	default:
		return blue
	}
}

// padded lines the rules up: "INFORMATIONAL" is rare, "EMERGENCY" is the longest of the rest.
func padded(s string) string {
	const width = 9
	return s + strings.Repeat(" ", max(width-len(s), 0))
}

// place is the pod, else the container, else the host.
func place(labels map[string]string, host string) string {
	switch id := labels["container_id"]; {
	case labels["k8s_pod_name"] != "":
		return labels["k8s_ns_name"] + "/" + labels["k8s_pod_name"]
	case id != "" && id != "host":
		if name := labels["container_name"]; name != "" {
			return host + "/" + name
		}
		return host + "/" + id
	default:
		return host
	}
}

// aside is where the remote address is, and whose the alert is, as far as that is known: "(CN Shanghai, team
// payments)".
func aside(a *pipeline.Alert) string {
	var parts []string
	if p := a.Place; p != nil && p.Country != "" {
		parts = append(parts, strings.TrimSpace(p.Country+" "+p.City))
	}
	if o := a.Owner; o != nil && o.Team != "" {
		parts = append(parts, "team "+o.Team)
	}
	if len(parts) == 0 {
		return ""
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// printable shows what a terminal would act on as a code point, as in \u001b.
func printable(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD") // a bare 0x9b starts a control sequence on some terminals
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}
