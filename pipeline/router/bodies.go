package router

import "sync"

// Buffers for what is published. Those for batches are apart: one alert would keep the room of hundreds.
var (
	smallBodies = sync.Pool{New: func() any { return new([]byte) }}
	largeBodies = sync.Pool{New: func() any { return new([]byte) }}
)

const (
	smallBody = 16 << 10
	// largestBody is how long a buffer is at most that is used again.
	largestBody = 1 << 20
)

// newBody returns an empty buffer with room for size bytes, about.
func newBody(size int) []byte {
	pool := &smallBodies
	if size > smallBody {
		pool = &largeBodies
	}
	b := pool.Get().(*[]byte)
	if cap(*b) < size {
		return make([]byte, 0, size)
	}
	return (*b)[:0]
}

// useAgain is for a buffer that nobody has any more.
func useAgain(b []byte) {
	switch {
	case cap(b) <= smallBody:
		smallBodies.Put(&b)
	case cap(b) <= largestBody:
		largeBodies.Put(&b)
	}
}
