package match

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"unicode/utf8"

	"github.com/tocsin-security/tocsin/rules"
)

// A key names what a window counts together: the rule, a hash of what its window asks for, and the values it
// counts by, each with its length before it, so that no two lists of values read the same. It is the same on
// every node. A window that was changed begins anew.

// maxKeyValue bounds one value of a key, and the values that a window compares, in bytes.
const maxKeyValue = 256

// keyPrefix is what all keys of a rule begin with.
func keyPrefix(r *rules.Rule) string {
	h := fnv.New64a()
	numbers, err := json.Marshal(r.Window.Window)
	if err != nil {
		panic(err) // a struct of numbers: rates are finite
	}
	h.Write(numbers) // hashes do not fail
	for _, text := range asks(r.Window) {
		fmt.Fprintf(h, " %q", text)
	}
	prefix := appendKeyPart(nil, []byte(r.Name))
	return string(appendKeyPart(prefix, []byte(strconv.FormatUint(h.Sum64(), 16))))
}

// asks are a window's fields and steps as they are written.
func asks(w *rules.Window) []string {
	texts, distinct, changed, unseen := w.Fields()
	for _, clause := range [][2]string{{"distinct", distinct}, {"changed", changed}, {"new", unseen}} {
		if clause[1] != "" {
			texts = append(texts, clause[0], clause[1])
		}
	}
	for _, s := range w.Steps {
		texts = append(texts, "step", s.Name)
		if s.Node != nil {
			texts = append(texts, s.Node.String())
		} else {
			texts = append(texts, s.Text)
		}
	}
	return texts
}

// appendKeyPart writes one value of a key.
func appendKeyPart(dst, value []byte) []byte {
	dst = strconv.AppendInt(dst, int64(len(value)), 10)
	dst = append(dst, ':')
	return append(dst, value...)
}

// noKeyPart stands for a value that is not there, which is not the same as an empty one.
const noKeyPart = "-:"

// shorten cuts a long value that begins at start; it ends in a hash of all of it then, so that two long values
// stay two.
func shorten(dst []byte, start int) []byte {
	if len(dst)-start <= maxKeyValue {
		return dst
	}
	sum := sha256.Sum256(dst[start:])
	end := start + maxKeyValue - 16
	for end > start && !utf8.RuneStart(dst[end]) {
		end--
	}
	return hex.AppendEncode(dst[:end], sum[:8])
}
