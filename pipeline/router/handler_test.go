package router_test

import (
	"context"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/router"
)

// deliverFunc delivers at once.
type deliverFunc func(ctx context.Context, n pipeline.Notification) error

// handler lets nothing wait, and a stop lets it finish.
func (f deliverFunc) handler() router.Handler {
	return router.Handler{Deliver: func(ctx context.Context, d *pipeline.Delivery) error { return f(context.WithoutCancel(ctx), d.Begin()) }}
}

func handlers(all map[string]deliverFunc) map[string]router.Handler {
	made := map[string]router.Handler{}
	for topic, f := range all {
		made[topic] = f.handler()
	}
	return made
}
