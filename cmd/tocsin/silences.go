package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tocsin-security/tocsin/api"
	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/silence"
	"github.com/tocsin-security/tocsin/stages/silence/link"
)

// Kinds of documents of what people want to be quiet.
const (
	kindSilences    = "silence"
	kindAcks        = "ack"
	kindSilenceHits = "silence_hits"
	kindLinks       = "link" // secrets of the links in messages
)

// openSilences opens what people want to be quiet, and the secret of the links by which they say so.
func (d *durable) openSilences(ctx context.Context, p *plan) error {
	process := "self" // nobody else writes into this process's own file
	if d.shared != nil {
		process = uuid.NewString()
	}
	cfg := p.cfg.Silences
	d.silences = silence.New(ctx, cfg, silence.Deps{
		Silences: d.documents(kindSilences, cfg.SilenceDocuments()),
		Acks:     d.documents(kindAcks, silence.AckDocuments),
		Hits:     d.documents(kindSilenceHits, silence.HitDocuments),
		Process:  process,
		Wake:     d.wake, // nothing ends before all is open
		Ending:   d.tellEnding,
		Log:      d.log,
	})
	key, err := p.cfg.HTTP.Links.Key()
	if err != nil {
		return err
	}
	d.links = p.links
	if len(key) > 0 {
		d.links.SetSecrets(key)
		return nil
	}
	d.linkDocs = d.documents(kindLinks, link.MaxSecrets)
	if err := d.links.Share(ctx, d.linkDocs); err != nil {
		d.log.Warn("messages have no links until the store answers", "err", err)
	}
	return nil
}

// silenceParts are the long-lived pieces of that.
func (d *durable) silenceParts() []part {
	parts := []part{{name: "silences", run: d.silences.Run}}
	if d.linkDocs != nil {
		parts = append(parts, part{name: "links", run: func(ctx context.Context) error { return d.links.Run(ctx, d.linkDocs, d.log) }})
	}
	return parts
}

// silenceRule tells that a silence ends. It is about the fleet, whichever router tells of it, so it has no host.
var silenceRule = internalRule{
	name:     "Silence ends soon",
	desc:     "a silence is about to end: what it keeps quiet will be told again; extend it if that is too early",
	descZH:   "静默即将结束：被静默的告警将重新通知，如需延长请尽快处理",
	priority: pipeline.Notice,
}

// tellEnding tells people that a silence ends. Told twice, by two routers or after a kill, it is a repeat.
func (d *durable) tellEnding(_ context.Context, s pipeline.Silence, hits pipeline.Hits) error {
	if d.emit == nil {
		return errors.New("alerts are not taken yet")
	}
	return d.emit(endingAlert(s, hits, time.Now()))
}

func endingAlert(s pipeline.Silence, hits pipeline.Hits, now time.Time) pipeline.Alert {
	left := s.EndsAt.Sub(now).Round(time.Minute)
	kept := fmt.Sprintf("%d alerts", hits.Alerts)
	if hits.Alerts == 1 {
		kept = "1 alert"
	}
	output := fmt.Sprintf("silence %s by %s ends in %s; it kept %s quiet: %s (%s)", s.ID, s.CreatedBy, pipeline.Duration(left).Short(), kept, matchersOf(s.Matchers), s.Comment)
	a := silenceRule.alert("", output, pipeline.Fields{
		"silence.id": s.ID, "silence.by": s.CreatedBy, "silence.comment": s.Comment, "silence.ends": s.EndsAt.UTC().Format(time.RFC3339), "silence.alerts": hits.Alerts,
	})
	a.SetIdentity(map[string]string{"silence": s.ID, "silence_ends": s.EndsAt.UTC().Format(time.RFC3339)})
	a.QuietFor = left + 10*time.Minute // until there is nobody any more who could tell of the same end
	a.Escalate, a.Summary = new(uint64), new(bool)
	return a
}

// linksOf makes the links of messages; nil: there are none.
func (p *plan) linksOf(cfg *configs.Loaded) func(pipeline.Fingerprint, time.Time) (ack, silence string) {
	base, lifetime := strings.TrimSuffix(cfg.Render.ExternalURL, "/"), time.Duration(cfg.HTTP.Links.Lifetime)
	if base == "" || lifetime <= 0 {
		return nil
	}
	return func(of pipeline.Fingerprint, told time.Time) (string, string) {
		until := told.Add(lifetime)
		ack, quiet := p.links.Token(link.Ack, of, until), p.links.Token(link.Silence, of, until)
		if ack == "" || quiet == "" {
			return "", ""
		}
		return base + "/ack?t=" + ack, base + "/silence?t=" + quiet
	}
}

// linkPage is what the page of links works on.
func (a *app) linkPage() *api.Links {
	return &api.Links{
		Read:  a.durable.links.Read,
		Alert: a.durable.alertOf,
		Settings: func() (string, string) {
			cfg := a.active.Load().cfg
			return cfg.Render.Language, cfg.Render.ExternalURL
		},
	}
}

// alertOf is what the history knows of an alert.
func (d *durable) alertOf(ctx context.Context, of pipeline.Fingerprint) (pipeline.Alert, bool) {
	known, err := d.history.Get(ctx, of)
	if err != nil {
		d.log.Warn("the page of a link goes without what its alert is about", "err", err)
	}
	if err != nil || known == nil {
		return pipeline.Alert{}, false
	}
	return known.Alert, true
}

// author is who gives a command, as far as the environment says.
func author() string {
	for _, name := range []string{"USER", "LOGNAME", "USERNAME"} {
		if user := os.Getenv(name); user != "" {
			return user
		}
	}
	return ""
}
