package main

import (
	"context"

	"github.com/tocsin-security/tocsin/pipeline/router"
)

// deadLetters are a router's, with where receivers are as the configuration stands.
type deadLetters struct {
	*router.Router
	active func() *plan
}

// Replay has the message of a dead letter go its way again.
func (d deadLetters) Replay(ctx context.Context, id uint64) (to []string, err error) {
	return d.ReplayDeadLetter(ctx, id, d.active().integrationsOf)
}

// integrationsOf are the integrations of a receiver.
func (p *plan) integrationsOf(receiver string) (all []string) {
	for integration, channel := range p.channels {
		if channel.Receiver == receiver {
			all = append(all, integration)
		}
	}
	return all
}
