package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/whitelist"
	"github.com/tocsin-security/tocsin/stages/whitelist/account"
)

const (
	// coveredPause is the pause between two reports of what the whitelist keeps quiet: so late the account is at
	// most, and a kill loses so much of it.
	coveredPause = 10 * time.Second
	// coveredLast bounds the last report of a process that stops.
	coveredLast = 3 * time.Second
)

// coveredWatch reports what this process's whitelist keeps quiet, and says when an entry expires.
type coveredWatch struct {
	host    string
	list    func() *whitelist.List
	deliver func(context.Context, []pipeline.Alert) error
	account *account.Account // nil: deliver leads to one elsewhere
	log     *slog.Logger

	looked time.Time       // at the clock, latest
	begun  *whitelist.List // whose entries the account knows
}

// run reports until ctx ends, and then once more.
func (w *coveredWatch) run(ctx context.Context) error {
	w.looked = time.Now()
	w.begin(ctx, w.looked)
	err := every(ctx, coveredPause, func(now time.Time) error {
		w.look(ctx, now)
		return nil
	})
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), coveredLast)
	defer cancel()
	w.report(last)
	return err
}

func (w *coveredWatch) look(ctx context.Context, now time.Time) {
	for _, e := range w.list().ExpiredBetween(w.looked, now) {
		w.log.Warn("a whitelist entry has expired: it no longer applies", "entry", e.ID, "reason", e.Reason, "owner", e.Owner, "expires", e.Expires)
	}
	w.looked = now
	w.begin(ctx, now)
	w.report(ctx)
}

// begin tells the account which entries there are, once for each list.
func (w *coveredWatch) begin(ctx context.Context, now time.Time) {
	list := w.list()
	if w.account == nil || w.begun == list {
		return
	}
	if err := w.account.Begin(ctx, list.Usage(now), now); err != nil {
		w.log.Warn("the whitelist's account does not know its entries yet", "retry_in", coveredPause, "err", err)
		return
	}
	w.begun = list
}

// report delivers what has changed. What an account could not write it keeps, so calling again is trying again.
func (w *coveredWatch) report(ctx context.Context) {
	changes := w.list().Counts().Changes(w.host)
	if len(changes) == 0 && w.account == nil {
		return
	}
	if err := w.deliver(ctx, changes); err != nil {
		w.log.Warn("what the whitelist kept quiet is not in its account yet", "pairs", len(changes), "err", err)
	}
}

// watchCovered makes the part that reports: to the account where there is one, else over the bus.
func (a *app) watchCovered(host string) part {
	w := &coveredWatch{host: host, list: func() *whitelist.List { return a.active.Load().whitelist }, log: a.log}
	if a.durable != nil {
		w.account, w.deliver = a.durable.account, a.durable.account.Add
	} else {
		w.deliver = func(ctx context.Context, alerts []pipeline.Alert) error {
			for _, alert := range alerts {
				if err := a.batcher.Add(ctx, alert); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return part{name: "whitelist", run: w.run}
}

// whitelistUsage is the whitelist with its account: of all nodes in a router, of this process in a sensor.
func (a *app) whitelistUsage(ctx context.Context) (pipeline.WhitelistUsage, error) {
	p, now := a.active.Load(), time.Now()
	book := account.New(nil, a.log)
	if a.durable != nil {
		book = a.durable.account
	}
	return book.Usage(ctx, p.whitelist.Usage(now), p.whitelist.Counts().All(p.host), now)
}
