package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
	"github.com/tocsin-security/tocsin/stages/deliver"
	"github.com/tocsin-security/tocsin/stages/enrich/geoip"
	"github.com/tocsin-security/tocsin/stages/match"
	"github.com/tocsin-security/tocsin/stages/oncall"
	"github.com/tocsin-security/tocsin/stages/owner"
	"github.com/tocsin-security/tocsin/stages/route"
	"github.com/tocsin-security/tocsin/stages/silence/link"
	"github.com/tocsin-security/tocsin/stages/whitelist"
	"github.com/tocsin-security/tocsin/stages/window"
)

// plan is everything a configuration decides that a reload exchanges. It is built whole, without
// touching what runs: a mistake anywhere means that nothing changes.
type plan struct {
	cfg       *configs.Loaded
	host      string
	rules     *rules.Set
	whitelist *whitelist.List
	problems  []rules.Problem // none of them an error
	matcher   *match.Matcher
	after     *match.Matcher   // the same rules, for events that waited for their container's metadata
	payload   *match.Payload   // the rules for structured events
	windows   *window.Memory   // of this node; a reload keeps it
	places    *geoip.Databases // likewise; open from the moment on that the plan is carried out (useFiles)
	links     *link.Signer     // likewise; it has its secret once the store is open
	owners    *owner.Owners
	onCall    *oncall.Roster
	routing   route.Setup
	channels  map[string]deliver.Channel              // by integration
	fallbacks map[string]fallback                     // by receiver
	show      func(context.Context, []pipeline.Alert) // prints what passed dedupe; nil when a receiver does
}

// options are the flags of run, sensor and router that a plan depends on.
type options struct {
	config  string // file; "" for the embedded one
	dataDir string // overrides data_dir
	output  string // auto, text or json: how alerts are printed
	record  string // capture to write of what the sensor sees; "" none
}

// rulesRunning counts the rules that take part in matching.
func (p *plan) rulesRunning() int {
	n := 0
	for _, r := range p.rules.Rules {
		if r.Runs() {
			n++
		}
	}
	return n
}

// newPlan loads the configuration, the rules and the whitelist, and builds all that follows from them. What
// windows and whitelist of the running plan have counted, and what it has open, goes on; nil: all begins. Alerts
// for people at the terminal go to out.
func newPlan(opts options, running *plan, out io.Writer, log *slog.Logger) (*plan, error) {
	cfg, err := configs.Load(opts.config)
	if err != nil {
		return nil, err
	}
	for _, finding := range cfg.Findings {
		log.Warn("configuration", "reason", finding.Error())
	}
	if opts.dataDir != "" {
		cfg.DataDir = opts.dataDir
	}
	if cfg.DataDir, err = filepath.Abs(cfg.DataDir); err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	p := &plan{cfg: cfg}
	if running != nil {
		p.windows, p.places, p.links = running.windows, running.places, running.links
	} else {
		p.windows, p.places = window.NewMemory(cfg.Windows), geoip.New(log)
		p.links = &link.Signer{}
	}
	if p.owners, err = owner.New(cfg.Enrich.OwnersMatching, cfg.Enrich.Owners); err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Name, err)
	}
	if p.onCall, err = oncall.New(cfg.OnCall); err != nil {
		return nil, fmt.Errorf("%s: on_call.%w", cfg.Name, err)
	}
	if p.host, err = os.Hostname(); err != nil {
		return nil, fmt.Errorf("ask for the host name: %w", err)
	}
	if err := p.loadRules(log); err != nil {
		return nil, err
	}
	if running != nil {
		p.whitelist.Continue(running.whitelist.Counts())
	}
	return p, p.buildDelivery(opts, out, log)
}

// loadRules reads rules and whitelist and compiles them. What is wrong but not fatal is logged.
func (p *plan) loadRules(log *slog.Logger) (err error) {
	if p.rules, p.whitelist, p.problems, err = p.cfg.LoadRules(); err != nil {
		return err
	}
	p.problems = append(p.problems, unseenEvents(p.rules)...)
	for _, problem := range p.problems {
		if problem.Severity != rules.Info {
			log.Warn("rules", "reason", problem.String())
		}
	}
	p.payload = match.NewPayload(match.Config{Whitelist: p.whitelist, Places: p.places}, p.rules)
	if p.matcher, err = p.newMatcher(p.host); err != nil {
		return err
	}
	p.after, err = p.newMatcher(p.host)
	return err
}

// useFiles opens the files that the plan wants beside those that are read once.
func (p *plan) useFiles() { p.places.Use(p.cfg.Enrich.GeoIP) }

// newMatcher compiles the rules for events of host.
func (p *plan) newMatcher(host string) (*match.Matcher, error) {
	return p.newMatcherWith(host, p.whitelist)
}

// newMatcherWith does so with other exceptions than the configuration's.
func (p *plan) newMatcherWith(host string, exceptions match.Whitelist) (*match.Matcher, error) {
	return match.New(match.Config{
		Host:       host,
		IdentityBy: p.cfg.Dedupe.By,
		Whitelist:  exceptions,
		Windows:    p.windows,
	}, p.rules)
}
