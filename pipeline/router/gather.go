package router

import (
	"context"
	"sync"
)

// gather joins what concurrent callers bring, as databases join commits: an idle one passes an item on at once; what
// comes while a call is under way goes together with the next. Nobody waits for others to come. One call runs at a
// time. It is safe for concurrent use.
type gather[T any] struct {
	do   func(ctx context.Context, items []T) error // every caller of the items gets its error; no caller ends ctx
	size func(T) int
	most int // of sizes in one call, unless one item alone is larger

	mu      sync.Mutex // guards what follows
	busy    bool       // a caller is the one who calls do
	waiting []*waiter[T]
}

// waiter is a caller whose item is not done yet.
type waiter[T any] struct {
	ctx  context.Context
	item T
	turn chan bool // true: it is its turn to call do; false: its item is done
	err  error
}

// add returns when do has dealt with item, or when ctx ends; then do may deal with it all the same.
func (g *gather[T]) add(ctx context.Context, item T) error {
	w := &waiter[T]{ctx: ctx, item: item, turn: make(chan bool, 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, w)
	if !g.busy {
		g.busy = true
		w.turn <- true
	}
	g.mu.Unlock()
	select {
	case mine := <-w.turn:
		if mine {
			g.call()
			<-w.turn
		}
		return w.err
	case <-ctx.Done():
	}
	if !g.leave(w) { // it has been taken, or is its turn
		if <-w.turn {
			g.call()
			<-w.turn
		}
		return w.err
	}
	return ctx.Err()
}

// leave takes w out of those that wait; false: it no longer is one, or is the first, who calls for the others.
func (g *gather[T]) leave(w *waiter[T]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, other := range g.waiting {
		if other == w && len(w.turn) == 0 {
			g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// call deals with what waits, its caller's item first, and then passes the turn on.
func (g *gather[T]) call() {
	g.mu.Lock()
	n, sum := 0, 0
	for n < len(g.waiting) && (n == 0 || sum+g.size(g.waiting[n].item) <= g.most) {
		sum += g.size(g.waiting[n].item)
		n++
	}
	taken := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	g.mu.Unlock()
	items := make([]T, n)
	for i, w := range taken {
		items[i] = w.item
	}
	err := g.do(context.WithoutCancel(taken[0].ctx), items)
	for _, w := range taken {
		w.err = err
		w.turn <- false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy = len(g.waiting) > 0
	if g.busy {
		g.waiting[0].turn <- true
	}
}
