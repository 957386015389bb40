package field

import (
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	// How many processes of a chain are shown: the eldest ones and the latest, with a mark between them.
	shownEldest, shownLatest = 3, 5
	// Bytes shown of a name: a task has at most 15, a kernel thread's or a capture's may be longer.
	maxShownName = 32
	// How many processes a chain is followed up. Nothing that people start is deeper.
	maxChain = 256
)

// ancestryField is the chain of processes down to the event's own.
func ancestryField() Def {
	return str("proc.ancestry", "the process and those above it, the oldest first: systemd(1) > sshd(812) > bash(4021)", func(v *View) (string, bool) {
		if !v.Ev.Proc.Known {
			return "", false
		}
		return v.Build(func(dst []byte) []byte { return AppendAncestry(dst, v.Ev) }), true
	})
}

// AppendAncestry appends the names and process ids of the event's process and those above it, the oldest first. Of
// a long chain the middle is left out. Names are cleaned: what a program calls itself must not pass for more of
// the chain, or for a line of its own.
func AppendAncestry(dst []byte, ev *pipeline.Event) []byte {
	var chain [maxChain]*pipeline.Process // the latest first
	chain[0] = ev.Proc
	n := 1
	Ancestors(ev, func(p *pipeline.Process) bool {
		chain[n] = p
		n++
		return n < maxChain
	})
	for i := n - 1; i >= 0; i-- {
		if n > shownEldest+shownLatest && i == n-1-shownEldest {
			dst = append(dst, "… > "...)
			i = shownLatest - 1
		}
		dst = appendShownName(dst, chain[i].Comm)
		dst = append(strconv.AppendInt(append(dst, '('), int64(chain[i].PID), 10), ')')
		if i > 0 {
			dst = append(dst, " > "...)
		}
	}
	return dst
}

// appendShownName appends a name in valid UTF-8, without control characters and the chain's own marks.
func appendShownName(dst []byte, name string) []byte {
	if name == "" {
		return append(dst, unknown...)
	}
	start := len(dst)
	for _, r := range name {
		switch {
		case len(dst)-start+utf8.RuneLen(r) > maxShownName:
			return append(dst, "…"...)
		case r == '>' || r == '(' || r == ')' || !unicode.IsGraphic(r):
			r = '?'
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}
