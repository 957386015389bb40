package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
)

// reload builds a new plan and exchanges it for the running one. Any mistake, and any change that a
// running process cannot make, refuses the whole.
func (a *app) reload(ctx context.Context) error {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	running := a.active.Load()
	next, err := newPlan(a.opts, running, a.out, a.log)
	if err != nil {
		return err
	}
	if err := onlyWithRestart(running, next); err != nil {
		return err
	}
	useCredentials, err := a.server.ReadCredentials()
	if err != nil {
		return err
	}
	if err := a.exchange(ctx, next); err != nil {
		return errors.Join(err, a.exchange(ctx, running))
	}
	useCredentials()
	a.active.Store(next)
	a.log.Info("configuration reloaded", "config", next.cfg.Name, "rules", next.rulesRunning(), "receivers", len(next.cfg.Receivers))
	return nil
}

// exchange makes the running halves work by p.
func (a *app) exchange(ctx context.Context, p *plan) error {
	p.useFiles()
	if a.hot != nil {
		if err := a.hot.replace(p.matcher, p.after); err != nil {
			return err
		}
		a.resolver.Watch(p.rules.Program.HostNames(), p.rules.Program.Names())
	}
	if a.durable == nil {
		return nil
	}
	return a.durable.replace(ctx, p)
}

// onlyWithRestart names the settings that differ and that a running process keeps.
func onlyWithRestart(running, next *plan) error {
	var errs []error
	for _, s := range []struct {
		key      string
		old, new any
	}{
		{"data_dir", running.cfg.DataDir, next.cfg.DataDir},
		{"bus", string(running.cfg.Bus), string(next.cfg.Bus)},
		{"store", string(running.cfg.Store), string(next.cfg.Store)},
		{"http", running.cfg.HTTP, next.cfg.HTTP},
		{"sensor", running.cfg.Sensor, next.cfg.Sensor},
		{"enrich.containers", running.cfg.Enrich.Config, next.cfg.Enrich.Config},
		{"enrich.deployments", running.cfg.Enrich.Deployments, next.cfg.Enrich.Deployments},
		{"enrich.findings", running.cfg.Enrich.Findings, next.cfg.Enrich.Findings},
		{"silences.max", running.cfg.Silences.Max, next.cfg.Silences.Max},
		{"history", running.cfg.History, next.cfg.History},
		{"windows", running.cfg.Windows, next.cfg.Windows},
	} {
		if !reflect.DeepEqual(s.old, s.new) {
			errs = append(errs, fmt.Errorf("%s: a change of %s needs a restart", next.cfg.Name, s.key))
		}
	}
	return errors.Join(errs...)
}
