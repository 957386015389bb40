package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// Spellings of a switch: in small letters, in capitals, or with a first capital.
var (
	yes = []string{"true", "yes", "on", "y"}
	no  = []string{"false", "no", "off", "n"}
)

// boolean reads a switch as Falco's YAML library spells them.
func boolean(it *Item, key string, absent bool) (bool, error) {
	k, ok := it.Get(key)
	if !ok {
		return absent, nil
	}
	t, err := k.Text()
	if err != nil {
		return absent, err
	}
	s := t.String()
	low := strings.ToLower(s)
	usual := s == low || s == strings.ToUpper(s) || s[1:] == low[1:]
	switch {
	case usual && slices.Contains(yes, low):
		return true, nil
	case usual && slices.Contains(no, low):
		return false, nil
	}
	at := k.At
	if s != "" {
		at = t.Pos(0)
	}
	return absent, &syntax.Error{At: at, Msg: fmt.Sprintf("%s: %q is neither true nor false", key, s)}
}
