package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/notifiers/wechat"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/oncall"
	"github.com/tocsin-security/tocsin/stages/owner"
	"github.com/tocsin-security/tocsin/stages/render"
)

// renderAll writes a notification for each channel of its receiver. The error joins those of all channels.
func renderAll(ctx context.Context, out io.Writer, cfg *configs.Loaded, n pipeline.Notification, flags templateFlags) error {
	receiver, err := receiverNamed(cfg, flags.receiver)
	if err != nil {
		return err
	}
	p := &plan{cfg: cfg}
	if p.owners, err = owner.New(cfg.Enrich.OwnersMatching, cfg.Enrich.Owners); err != nil {
		return fmt.Errorf("%s: %w", cfg.Name, err)
	}
	if p.onCall, err = oncall.New(cfg.OnCall); err != nil {
		return fmt.Errorf("%s: on_call.%w", cfg.Name, err)
	}
	for i := range n.Alerts {
		p.owners.Apply(&n.Alerts[i])
	}
	renderer, err := render.New(previewConfig(cfg), cfg.Dir)
	if err != nil {
		return fmt.Errorf("%s: %w", cfg.Name, err)
	}
	integrations, err := integrationsOf(cfg.Receivers[receiver], cfg.Global, wechat.NewApps(), cfg.DataDir, "text", out, slog.New(slog.DiscardHandler))
	errs := []error{err}
	seen := map[string]int{}
	for _, i := range integrations {
		kind, _, _ := strings.Cut(i.notifier.ID(), "-")
		path := fmt.Sprintf("receivers[%d].%s_configs[%d]", receiver, kind, seen[kind])
		seen[kind]++
		if err := p.preview(ctx, out, renderer, i, n, flags); err != nil {
			line, col := cfg.At(path)
			errs = append(errs, fmt.Errorf("%s:%d:%d: receiver %q: %w", cfg.Name, line, col, flags.receiver, err))
		}
	}
	return errors.Join(errs...)
}

func receiverNamed(cfg *configs.Loaded, name string) (int, error) {
	var names []string
	for i, r := range cfg.Receivers {
		if r.Name == name {
			return i, nil
		}
		names = append(names, r.Name)
	}
	return 0, fmt.Errorf("--receiver: %s has no receiver %q; there are %s", cfg.Name, name, strings.Join(names, ", "))
}

// previewConfig is how messages are written, with links that are as long as real ones and lead nowhere.
func previewConfig(cfg *configs.Loaded) render.Config {
	c := cfg.Render
	c.Files = append(append([]string{}, c.Files...), cfg.Templates...)
	if base := strings.TrimSuffix(c.ExternalURL, "/"); base != "" && cfg.HTTP.Links.Lifetime > 0 {
		c.Links = func(pipeline.Fingerprint, time.Time) (ack, silence string) {
			const token = "PREVIEW-PREVIEW-PREVIEW-PREVIEW-PREVIEW-"
			return base + "/ack?t=" + token, base + "/silence?t=" + token
		}
	}
	return c
}

// preview writes what an integration would send.
func (p *plan) preview(ctx context.Context, out io.Writer, renderer *render.Renderer, i integration, n pipeline.Notification, flags templateFlags) error {
	if err := renderer.Check(i.spec); err != nil {
		return err
	}
	if err := renderer.Try(n, i.spec); err != nil {
		return fmt.Errorf("%s: %w", i.spec.Kind, err)
	}
	m, err := p.calling(renderer, i)(n)
	if err != nil {
		return err
	}
	var requests []notifiers.Request
	if posts(i.spec.Kind) {
		ctx = notifiers.Preview(ctx, func(r notifiers.Request) { requests = append(requests, r) })
		if err := i.notifier.Notify(ctx, m); err != nil {
			return err
		}
	}
	if flags.html != "" && m.HTML != "" {
		if err := os.WriteFile(flags.html, []byte(m.HTML), 0o600); err != nil {
			return fmt.Errorf("--html: %w", err)
		}
	}
	if err := printPreview(out, i, m, requests, flags.html); err != nil || i.spec.Kind != "stdout" {
		return err
	}
	return i.notifier.Notify(ctx, m) // to out
}

// posts reports whether a channel is reached by requests of notifiers.Client, which can be shown without being sent. Of
// the others the message is what they get.
func posts(kind string) bool {
	switch kind {
	case "email", "stdout", "file":
		return false
	}
	return true
}
