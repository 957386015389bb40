package main

import (
	"context"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline/router"
)

// deadLetters are a router's, with where receivers are as the configuration stands.
type deadLetters struct {
	*router.Router
	active func() *plan
}

// Replay has the message of a dead letter go its way again.
func (d deadLetters) Replay(ctx context.Context, id uint64) (to []string, err error) {
	return d.ReplayDeadLetter(ctx, id, d.active().successors)
}

// successors are the integrations of a receiver that stand for one that it has no more: those of the same kind, as its key
// or address was changed, else all. The receiver's other channels were told when that one was not.
func (p *plan) successors(receiver, was string) []string {
	var same, all []string
	for integration, channel := range p.channels {
		if channel.Receiver != receiver {
			continue
		}
		all = append(all, integration)
		if kindOf(receiver, integration) == kindOf(receiver, was) {
			same = append(same, integration)
		}
	}
	if len(same) > 0 {
		all = same
	}
	slices.Sort(all)
	return all
}

// kindOf is the kind in the name of an integration, which ends in a hash of its address (notifiers.ID).
func kindOf(receiver, integration string) string {
	name := strings.TrimPrefix(integration, receiver+".")
	return name[:max(strings.LastIndexByte(name, '-'), 0)]
}
