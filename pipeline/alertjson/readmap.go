package alertjson

import (
	"sync"
	"unsafe"
)

// maxMembers and maxText are how large a buffer is kept.
const (
	maxMembers = 1024
	maxText    = 64 << 10
)

// Buffers for what is read before its size is known.
var (
	pairs  = sync.Pool{New: func() any { return new([]member[string]) }}
	fields = sync.Pool{New: func() any { return new([]member[any]) }}
	texts  = sync.Pool{New: func() any { return new([]byte) }}
)

type member[V any] struct {
	key   string
	value V
}

// readMap reads an object, or null. The map is made when it is known how large: one that has to be guessed is twice as
// large as most need it.
func readMap[V any](p *Scanner, pool *sync.Pool, value func(*Scanner) (V, error)) (map[string]V, error) {
	if p.null() {
		return nil, nil
	}
	buf := pool.Get().(*[]member[V])
	all := (*buf)[:0]
	err := p.Object(func(key string) error {
		v, err := value(p)
		all = append(all, member[V]{key, v})
		return err
	})
	m := make(map[string]V, len(all))
	for _, one := range all {
		m[one.key] = one.value
	}
	if cap(all) <= maxMembers {
		clear(all) // the buffer keeps no text
		*buf = all
		pool.Put(buf)
	}
	return m, err
}

// textOf is b as a string, without a copy: b is not to change while that or a part of it is kept.
func textOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
