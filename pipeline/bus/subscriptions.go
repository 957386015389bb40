package bus

import (
	"context"
	"sync"
	"time"
)

// nackDelay is how soon a refused message comes again. Handlers back off on their own; this only keeps
// one that cannot even do that from spinning.
const nackDelay = time.Second

// subscriptions are those of one subscriber, of whichever engine.
type subscriptions struct {
	closed  context.Context // ends when the subscriber is closed
	close   context.CancelFunc
	running sync.WaitGroup
}

func newSubscriptions() *subscriptions {
	s := &subscriptions{}
	s.closed, s.close = context.WithCancel(context.Background())
	return s
}

// start has one run until ctx ends or the subscriber is closed: then the context that run has ends, and it is to return
// when its messages are dealt with.
func (s *subscriptions) start(ctx context.Context, run func(ctx context.Context)) {
	ctx, stop := context.WithCancel(ctx)
	unlink := context.AfterFunc(s.closed, stop)
	s.running.Go(func() {
		defer stop()
		defer unlink()
		run(ctx)
	})
}

// Close stops all subscriptions and waits until their messages are acknowledged or refused.
func (s *subscriptions) Close() error {
	s.close()
	s.running.Wait()
	return nil
}
