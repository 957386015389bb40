package groups

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store/shared"
)

// Local is what takes groups while the store is away: the router's own store.
type Local interface {
	Put(ctx context.Context, now time.Time, in []pipeline.Inbox, sources []pipeline.Source) (next time.Time, absent []string, err error)
	Claim(ctx context.Context, now time.Time, limit int) ([]pipeline.Claimed, error)
	Settle(ctx context.Context, now time.Time, done []pipeline.Settled) (lost []string, err error)
	Wake(ctx context.Context, now time.Time) error
	NextDue(ctx context.Context) (time.Time, error)
	Due(ctx context.Context, keys []string) (map[string]time.Time, error)
	Sources(ctx context.Context, now time.Time, keys []string) ([]pipeline.Source, error)
}

// WithLocal is Groups with a Local that takes what comes while the store is away. Events go out from there: an alert
// held back is worse than one told twice. Alerts that fire until they are resolved wait there for the store, since
// what becomes of them is known there only: their group would say that they are resolved when nothing more comes.
//
// What is in the Local is this router's: it goes on with it after a restart, and nobody takes it over.
type WithLocal struct {
	shared *Groups
	local  Local
	owed   atomic.Bool // a Wake that the store was away for
}

// NewWithLocal makes a WithLocal.
func NewWithLocal(groups *Groups, local Local) *WithLocal {
	return &WithLocal{shared: groups, local: local}
}

const (
	// localMark begins the tokens of claims of the Local.
	localMark = "local "
	// parkedMark begins the keys of groups that wait for the store, which have nothing but an inbox.
	parkedMark = "parked\x00"
	// parkedLook is how often it is looked whether the store has come back for them.
	parkedLook = time.Second
)

// away reports whether an error says that the store is away.
func away(err error) bool { return errors.Is(err, shared.ErrAway) }

// Put adds alerts to inboxes and sources to what inhibits. Of a store that goes in the middle of it, some alerts may be
// in both.
func (w *WithLocal) Put(ctx context.Context, now time.Time, in []pipeline.Inbox, sources []pipeline.Source) (next time.Time, absent []string, err error) {
	next, absent, err = w.shared.Put(ctx, now, in, sources)
	if !away(err) {
		return next, absent, err
	}
	var lots []pipeline.Inbox
	for i := range in {
		events, parked := split(&in[i])
		if len(events.Alerts) > 0 || len(parked.Alerts) == 0 {
			lots = append(lots, events)
		}
		if len(parked.Alerts) > 0 {
			lots = append(lots, parked)
		}
	}
	return w.local.Put(ctx, now, lots, sources)
}

// split tells events from alerts that wait for the store.
func split(in *pipeline.Inbox) (events, parked pipeline.Inbox) {
	events, parked = *in, *in
	events.Alerts, parked.Alerts = nil, nil
	parked.Key, parked.IfThere = parkedMark+in.Key, false
	for _, a := range in.Alerts {
		if a.Stateful != nil {
			parked.Alerts = append(parked.Alerts, a)
			continue
		}
		a.Degraded = true
		events.Alerts = append(events.Alerts, a)
	}
	return events, parked
}

// Claim leases at most limit due groups of either store. What waited for the store goes there first.
func (w *WithLocal) Claim(ctx context.Context, now time.Time, limit int) ([]pipeline.Claimed, error) {
	if w.owed.Load() {
		if err := w.Wake(ctx, now); err != nil {
			return nil, err
		}
	}
	local, err := w.local.Claim(ctx, now, limit)
	if err != nil {
		return nil, err
	}
	var claimed []pipeline.Claimed
	for _, c := range local {
		if strings.HasPrefix(c.Key, parkedMark) {
			if err := w.bring(ctx, now, c); err != nil {
				return nil, err
			}
			continue
		}
		c.Token = localMark + c.Token
		claimed = append(claimed, c)
	}
	if len(claimed) == limit {
		return claimed, nil
	}
	more, err := w.shared.Claim(ctx, now, limit-len(claimed))
	if err != nil && !away(err) && len(claimed) == 0 {
		return nil, err
	}
	return append(claimed, more...), nil
}

// bring brings to the store what waited for it, or lets it wait on.
func (w *WithLocal) bring(ctx context.Context, now time.Time, c pipeline.Claimed) error {
	key := strings.TrimPrefix(c.Key, parkedMark)
	in := pipeline.Inbox{Key: key, Route: c.Route, Receiver: c.Receiver, Labels: c.Labels, Alerts: c.Alerts}
	done := pipeline.Settled{Key: c.Key, Token: c.Token, Upto: c.Upto, Gone: true}
	if _, _, err := w.shared.Put(ctx, now, []pipeline.Inbox{in}, nil); err != nil {
		done.Upto, done.Gone, done.Ready, done.Due = 0, false, now.Add(parkedLook), now.Add(parkedLook)
	}
	_, err := w.local.Settle(ctx, now, []pipeline.Settled{done})
	return err
}

// Settle ends leases, in the store that each is of.
func (w *WithLocal) Settle(ctx context.Context, now time.Time, done []pipeline.Settled) (lost []string, err error) {
	var theirs, ours []pipeline.Settled
	for _, d := range done {
		if token, is := strings.CutPrefix(d.Token, localMark); is {
			d.Token = token
			ours = append(ours, d)
		} else {
			theirs = append(theirs, d)
		}
	}
	lostHere, hereErr := w.local.Settle(ctx, now, ours)
	lostThere, thereErr := w.shared.Settle(ctx, now, theirs)
	return append(lostHere, lostThere...), errors.Join(hereErr, thereErr)
}

// Wake makes all groups that hold something back due now; those of a store that is away, when it is back.
func (w *WithLocal) Wake(ctx context.Context, now time.Time) error {
	there := w.shared.Wake(ctx, now)
	w.owed.Store(away(there))
	if away(there) {
		there = nil
	}
	return errors.Join(there, w.local.Wake(ctx, now))
}

// NextDue is the earliest time at which a group of either store is due or a lease runs out; zero: nothing is there,
// as far as is known.
func (w *WithLocal) NextDue(ctx context.Context) (time.Time, error) {
	here, err := w.local.NextDue(ctx)
	if err != nil {
		return time.Time{}, err
	}
	there, err := w.shared.NextDue(ctx)
	if err != nil && !away(err) {
		return time.Time{}, err
	}
	if there.IsZero() || !here.IsZero() && here.Before(there) {
		return here, nil
	}
	return there, nil
}

// Due tells when groups are due; of one that is in both stores, the earlier time.
func (w *WithLocal) Due(ctx context.Context, keys []string) (map[string]time.Time, error) {
	due, err := w.local.Due(ctx, keys)
	if err != nil {
		return nil, err
	}
	there, err := w.shared.Due(ctx, keys)
	if err != nil && !away(err) {
		return nil, err
	}
	for key, at := range there {
		if here, known := due[key]; !known || at.Before(here) {
			due[key] = at
		}
	}
	return due, nil
}

// Sources returns what inhibits by these keys at now, by either store. What one of them knows of an alert may be
// older; the end that is later counts.
func (w *WithLocal) Sources(ctx context.Context, now time.Time, keys []string) ([]pipeline.Source, error) {
	here, err := w.local.Sources(ctx, now, keys)
	if err != nil {
		return nil, err
	}
	there, err := w.shared.Sources(ctx, now, keys)
	if err != nil && !away(err) {
		return nil, err
	}
	return append(there, here...), nil
}
