package alertjson

import (
	"slices"
	"sync/atomic"
)

// latestKeys are the sorted keys of the latest map of each size. Alerts of one rule have the same keys: mostly there is
// nothing to sort.
var latestKeys [64]atomic.Pointer[[]string]

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
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	appendKnown(w, keys, m, value)
	if len(m) < len(latestKeys) {
		latestKeys[len(m)].Store(&keys)
	}
}

// appendKnown appends the members with these keys, as many as m has; it reports whether they are m's.
func appendKnown[V any](w *Writer, keys []string, m map[string]V, value func(V)) bool {
	for i, k := range keys {
		v, there := m[k]
		if !there {
			return false
		}
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.string(k)
		w.b = append(w.b, ':')
		value(v)
	}
	return true
}
