package silence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	// lookEvery is the pause between two looks at what others changed and what is to be done. Groups look on their own
	// before each flush; shorter asks the store more, longer loses more counts in a kill.
	lookEvery = 3 * time.Second
	// lastFlush bounds the last write of counts, when this process stops.
	lastFlush = 2 * time.Second
	// ackKept is how long an acknowledgement that is over stays in the store: one that is renewed meanwhile, by another
	// router, must not be swept away.
	ackKept = time.Hour
)

// Run looks for what other routers changed, writes counts, ends idle silences, tells of those that end soon and
// forgets old ones, until ctx ends.
func (s *Silences) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
			defer cancel()
			if err := s.hits.flush(last); err != nil {
				s.deps.Log.Warn("the latest hits of silences are not kept", "err", err)
			}
			return nil
		case <-tick.C:
			s.note(ctx, s.work(ctx))
		}
	}
}

// note logs the first of several failures.
func (s *Silences) note(ctx context.Context, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && !s.failing && ctx.Err() == nil {
		s.deps.Log.Warn("silences could not be read from or kept in the store: those known so far apply", "err", err)
	}
	s.failing = err != nil
}

// work does what is due.
func (s *Silences) work(ctx context.Context) error {
	if err := s.Refresh(ctx); err != nil {
		return err
	}
	if err := s.hits.flush(ctx); err != nil {
		return fmt.Errorf("keep the hits of silences: %w", err)
	}
	now := s.deps.Now().UTC()
	c := s.chores(now)
	var err error
	if len(c.idle)+len(c.ending) > 0 {
		err = s.withHits(ctx, c, now)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake(ctx)
	return errors.Join(err, s.forget(ctx, c))
}

// chores are what is to be done at a time.
type chores struct {
	idle, ending []pipeline.Silence // as far as can be said without their hits
	silences     []string           // to forget
	acks         []string           // likewise
}

func (s *Silences) chores(now time.Time) chores {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cfg.Load().choresOf(s.list, now)
	for key, ack := range s.acks.all {
		if now.Sub(ack.value.Until) > ackKept {
			c.acks = append(c.acks, key)
		}
	}
	return c
}

func (c *Config) choresOf(list []pipeline.Silence, now time.Time) (todo chores) {
	notice := time.Duration(c.NoticeBefore)
	var over []pipeline.Silence
	for _, one := range list {
		switch one.State(now) {
		case Expired:
			over = append(over, one)
		case Active:
			if one.IdleEnd > 0 && !now.Before(idleAt(&one, pipeline.Hits{})) {
				todo.idle = append(todo.idle, one)
			}
			if notice > 0 && one.EndsAt.Sub(now) <= notice && one.EndsAt.Sub(one.StartsAt) > 2*notice {
				todo.ending = append(todo.ending, one)
			}
		}
	}
	inOrder(over, now)
	room := max(0, 2*c.Max-(len(list)-len(over)))
	for i, one := range over { // the latest first
		if i >= room || now.Sub(one.EndsAt) > time.Duration(c.Retention) {
			todo.silences = append(todo.silences, one.ID)
		}
	}
	return todo
}

// idleAt is when a silence ends if nothing matches any more.
func idleAt(s *pipeline.Silence, hits pipeline.Hits) time.Time {
	return later(later(s.StartsAt, s.UpdatedAt), hits.Last).Add(time.Duration(s.IdleEnd))
}

// withHits ends what nothing has matched for, and tells of what ends soon.
func (s *Silences) withHits(ctx context.Context, c chores, now time.Time) error {
	hits, err := s.hits.sums(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, one := range c.idle {
		if now.Before(idleAt(&one, hits[one.ID])) {
			continue
		}
		s.mu.Lock()
		errs = append(errs, s.end(ctx, one.ID, "nothing matched for "+one.IdleEnd.Short()))
		s.mu.Unlock()
		c.ending = slices.DeleteFunc(c.ending, func(e pipeline.Silence) bool { return e.ID == one.ID })
	}
	if s.deps.Ending == nil {
		return errors.Join(errs...)
	}
	for _, one := range c.ending {
		if s.hits.told(&one) {
			continue
		}
		if err := s.deps.Ending(ctx, one, hits[one.ID]); err != nil {
			errs = append(errs, fmt.Errorf("tell that silence %s ends: %w", one.ID, err))
			continue
		}
		errs = append(errs, s.hits.tell(ctx, &one, now))
	}
	return errors.Join(errs...)
}

// forget removes what is over for long. The first time, and whenever silences go, so do the counts of those that are
// gone.
func (s *Silences) forget(ctx context.Context, c chores) error {
	if err := s.acks.remove(ctx, c.acks...); err != nil {
		return fmt.Errorf("forget acknowledgements: %w", err)
	}
	if err := s.silences.remove(ctx, c.silences...); err != nil {
		return fmt.Errorf("forget silences: %w", err)
	}
	if s.swept && len(c.silences) == 0 {
		return nil
	}
	there := func(id string) bool { _, known := s.silences.all[id]; return known }
	if err := s.hits.sweep(ctx, there); err != nil {
		return fmt.Errorf("forget the hits of silences: %w", err)
	}
	s.swept = true
	return nil
}
