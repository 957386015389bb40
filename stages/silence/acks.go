package silence

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// maxText bounds who and why of an acknowledgement, in bytes.
const maxText = 1024

// Acked returns who takes care of an alert at now, if somebody does.
func (s *Silences) Acked(of pipeline.Fingerprint, now time.Time) (pipeline.Suppressed, bool) {
	a, ok := (*s.acked.Load())[of]
	if !ok || !now.Before(a.Until) || now.Before(a.At.Add(-skew)) {
		return pipeline.Suppressed{}, false
	}
	return pipeline.Suppressed{Why: pipeline.ByAck, By: a.By, Until: a.Until}, true
}

// skew is how far the clocks of routers may disagree.
const skew = time.Minute

// Ack keeps that somebody takes care of an alert, in place of who did before. Without Until it lasts as long as
// configured. It returns what is kept; a nil error means that it is durable and applies.
func (s *Silences) Ack(ctx context.Context, a pipeline.Ack) (pipeline.Ack, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refresh(ctx); err != nil {
		return a, &Away{err}
	}
	cfg, now := s.cfg.Load(), s.deps.Now().UTC()
	before, known := s.acks.all[a.Fingerprint.String()]
	a.At = now
	if known {
		a.At = after(now, before.value.At)
	}
	if a.Until.IsZero() {
		a.Until = now.Add(time.Duration(cfg.AckFor))
	}
	a.By, a.Comment, a.Until = strings.TrimSpace(a.By), strings.TrimSpace(a.Comment), a.Until.UTC()
	if err := cfg.checkAck(&a, now); err != nil {
		return a, err
	}
	if !known && len(s.acks.all) >= maxAcks {
		return a, invalid("there are %d acknowledgements already: more are not kept", len(s.acks.all))
	}
	body, err := json.Marshal(a)
	if err != nil {
		return a, fmt.Errorf("encode an acknowledgement: %w", err)
	}
	s.wakeDue = s.wakeDue || known && a.Until.Before(before.value.Until)
	if err := s.acks.put(ctx, pipeline.Document{Key: a.Fingerprint.String(), At: a.At, Body: body}); err != nil {
		return a, &Away{err}
	}
	s.wake(ctx)
	return a, nil
}

func (c *Config) checkAck(a *pipeline.Ack, now time.Time) error {
	switch {
	case a.By == "":
		return invalid("by is missing: who takes care of it?")
	case len(a.By)+len(a.Comment) > maxText:
		return invalid("name and comment have %d bytes, at most %d are kept", len(a.By)+len(a.Comment), maxText)
	case !a.Until.After(now):
		return invalid("an acknowledgement has to last for some time")
	case a.Until.Sub(now) > time.Duration(c.AckMax)+skew:
		return invalid("an acknowledgement lasts %s at most (silences.ack_max), not %s; it can be renewed", c.AckMax, a.Until.Sub(now).Round(time.Second))
	}
	return nil
}

// Unack forgets that somebody takes care of an alert: if it still fires it is told again.
func (s *Silences) Unack(ctx context.Context, of pipeline.Fingerprint) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refresh(ctx); err != nil {
		return &Away{err}
	}
	if _, ok := (*s.acked.Load())[of]; !ok {
		return fmt.Errorf("an acknowledgement of %s: %w", of, ErrNotFound)
	}
	s.wakeDue = true
	if err := s.acks.remove(ctx, of.String()); err != nil {
		return &Away{err}
	}
	s.wake(ctx)
	return nil
}

// Acks returns the acknowledgements that last at now, those that end first first.
func (s *Silences) Acks(now time.Time) []pipeline.Ack {
	var all []pipeline.Ack
	for _, a := range *s.acked.Load() {
		if now.Before(a.Until) {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b pipeline.Ack) int {
		return cmp.Or(a.Until.Compare(b.Until), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	return all
}

func (s *Silences) rebuildAcks() {
	now := s.deps.Now()
	acked := make(map[pipeline.Fingerprint]pipeline.Ack, len(s.acks.all))
	for _, one := range s.acks.all {
		if now.Before(one.value.Until) {
			acked[one.value.Fingerprint] = one.value
		}
	}
	s.acked.Store(&acked)
}
