package alertjson

import (
	"slices"
	"strings"
	"sync/atomic"
)

// latestKeys are the sorted keys of the latest map of each size. Alerts of one rule have the same keys: mostly there is
// nothing to sort.
var latestKeys [64]atomic.Pointer[[]memberKey]

// memberKey is a key, and how it is written; "" where that has to be looked at, as something is escaped in it.
type memberKey struct{ key, written string }

// appendMembers appends m's members in the order of their keys, which is encoding/json's too.
func appendMembers[V any](w *Writer, m map[string]V, value func(V)) {
	if len(m) < len(latestKeys) {
		if keys := latestKeys[len(m)].Load(); keys != nil {
			was := len(w.b)
			if appendKnown(w, *keys, m, value) {
				return
			}
			w.b = w.b[:was]
		}
	}
	keys := make([]memberKey, 0, len(m))
	for k := range m {
		keys = append(keys, newMemberKey(k))
	}
	slices.SortFunc(keys, func(a, b memberKey) int { return strings.Compare(a.key, b.key) })
	appendKnown(w, keys, m, value)
	if len(m) < len(latestKeys) {
		latestKeys[len(m)].Store(&keys)
	}
}

func newMemberKey(key string) memberKey {
	if plainLen(key) < len(key) {
		return memberKey{key: strings.Clone(key)} // it is kept, and an alert's text is not to be
	}
	written := `"` + key + `":`
	return memberKey{written[1 : 1+len(key)], written}
}

// appendKnown appends the members with these keys, as many as m has; it reports whether they are m's.
func appendKnown[V any](w *Writer, keys []memberKey, m map[string]V, value func(V)) bool {
	for i := range keys {
		k := &keys[i]
		v, there := m[k.key]
		if !there {
			return false
		}
		if i > 0 {
			w.b = append(w.b, ',')
		}
		if k.written != "" {
			w.b = append(w.b, k.written...)
		} else {
			w.string(k.key)
			w.b = append(w.b, ':')
		}
		value(v)
	}
	return true
}
