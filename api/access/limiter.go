package access

import (
	"container/list"
	"sync"
	"time"
)

// Limiter is a token bucket for each of many clients. It remembers the latest ones only: a client that is
// forgotten begins with a full bucket again. It is safe for concurrent use.
type Limiter struct {
	rate  float64 // tokens a second
	burst float64
	most  int

	mu    sync.Mutex // guards what follows
	order *list.List // of *bucket, the latest used first
	byKey map[string]*list.Element
}

type bucket struct {
	key    string
	tokens float64
	at     time.Time
}

// NewLimiter lets each client do rate things a second, burst at once, and remembers most clients.
func NewLimiter(rate float64, burst, most int) *Limiter {
	return &Limiter{rate: rate, burst: float64(burst), most: most, order: list.New(), byKey: map[string]*list.Element{}}
}

// Take takes a token for the client. With 0 it has one; else it has to wait so long for the next.
func (l *Limiter) Take(key string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key, now)
	if wait := l.wait(b); wait > 0 {
		return wait
	}
	b.tokens--
	return 0
}

// Wait is what Take would answer; it takes nothing.
func (l *Limiter) Wait(key string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byKey[key] == nil {
		return 0
	}
	return l.wait(l.bucket(key, now))
}

func (l *Limiter) wait(b *bucket) time.Duration {
	if b.tokens >= 1 {
		return 0
	}
	return max(time.Duration((1-b.tokens)/l.rate*float64(time.Second)), 1)
}

// bucket is the client's, filled up to now.
func (l *Limiter) bucket(key string, now time.Time) *bucket {
	if e := l.byKey[key]; e != nil {
		b := e.Value.(*bucket)
		if passed := now.Sub(b.at); passed > 0 {
			b.tokens, b.at = min(b.tokens+passed.Seconds()*l.rate, l.burst), now
		}
		l.order.MoveToFront(e)
		return b
	}
	if l.order.Len() >= l.most {
		oldest := l.order.Back()
		delete(l.byKey, oldest.Value.(*bucket).key)
		l.order.Remove(oldest)
	}
	b := &bucket{key: key, tokens: l.burst, at: now}
	l.byKey[key] = l.order.PushFront(b)
	return b
}
