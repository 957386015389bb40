package notifiers

import (
	"errors"
	"strconv"
	"sync"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/templates"
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

// Each sends the texts of message id, in order, that were not taken before, and stops where one fails: those behind it are
// for the next attempt. send gets a text and whether the message ends with it.
func (p *Parts) Each(id string, texts []string, send func(text string, last bool) error) (err error) {
	for i, text := range texts {
		if err = p.Part(id, strconv.Itoa(i), text, i == len(texts)-1, send); err != nil {
			break
		}
	}
	p.Settle(id, err)
	return err
}

// Part sends one text of message id, unless it was taken before. What the channel calls too long, although it was measured,
// goes once more in two: how a channel counts is its own affair.
func (p *Parts) Part(id, name, text string, last bool, send func(text string, last bool) error) error {
	return p.once(id, name, func() error {
		err := send(text, last)
		if failure := (*pipeline.DeliveryError)(nil); !errors.As(err, &failure) || !failure.TooLong {
			return err
		}
		first, second := templates.Halve(text)
		if second == "" {
			return err
		}
		if err := p.once(id, name+" first half", func() error { return send(first, false) }); err != nil {
			return err
		}
		return p.once(id, name+" second half", func() error { return send(second, last) })
	})
}

// once sends a part of message id, unless it was taken before.
func (p *Parts) once(id, part string, send func() error) error {
	if p.Sent(id, part) {
		return nil
	}
	err := send()
	if err == nil {
		p.Add(id, part)
	}
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
