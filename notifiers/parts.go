package notifiers

import (
	"errors"
	"strconv"
	"sync"

	"github.com/tocsin-security/tocsin/pipeline"
)

// maxParts bounds how many half-delivered messages are remembered. There is one per channel at a time,
// unless it is down for long; forgetting one means that a part of it is sent twice.
const maxParts = 1024

// Parts remembers which parts of a message were taken when others were not, so that the next attempt
// sends only what is missing: the other recipients of a mail, the mention after a text. It does not
// survive a restart, after which a part may come twice. The zero value is ready, and it is safe for
// concurrent use.
type Parts struct {
	mu   sync.Mutex
	sent map[string]map[string]bool // message id → part
}

// Sent reports whether part of message id was taken before.
func (p *Parts) Sent(id, part string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent[id][part]
}

// Add notes that part of message id was taken.
func (p *Parts) Add(id, part string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sent == nil {
		p.sent = map[string]map[string]bool{}
	}
	if p.sent[id] == nil {
		if len(p.sent) >= maxParts {
			for other := range p.sent {
				delete(p.sent, other)
				break
			}
		}
		p.sent[id] = map[string]bool{}
	}
	p.sent[id][part] = true
}

// Each sends the n parts of message id, in order, that were not taken before, and stops where one fails: those behind it
// are for the next attempt.
func (p *Parts) Each(id string, n int, send func(i int) error) (err error) {
	for i := range n {
		name := strconv.Itoa(i)
		if p.Sent(id, name) {
			continue
		}
		if err = send(i); err != nil {
			break
		}
		p.Add(id, name)
	}
	p.Settle(id, err)
	return err
}

// Settle forgets message id, unless err asks for another attempt.
func (p *Parts) Settle(id string, err error) {
	var failure *pipeline.DeliveryError
	if errors.As(err, &failure) && failure.Class == pipeline.Retry {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.sent, id)
}
