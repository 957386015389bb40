package window

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Window is what both engines do; see Memory for the methods.
type Window interface {
	Observe(ctx context.Context, hits []pipeline.Hit) ([]pipeline.Seen, error)
	Untold(ctx context.Context, of []pipeline.Episode) ([]pipeline.Repeats, error)
	Told(ctx context.Context, repeats []pipeline.Repeats) error
	Degraded() bool
	Close() error
}

var (
	_ Window = (*Memory)(nil)
	_ Window = (*Redis)(nil)
)

// Validate says whether an engine for the store's URL exists, without opening it.
func Validate(rawURL string) error {
	if rawURL == "" || rawURL == "embedded" {
		return nil
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		return errors.New("store: not a URL") // err holds the URL, and that may hold a password
	}
	if u.Scheme != "redis" && u.Scheme != "rediss" {
		return fmt.Errorf("store: unknown engine %q: use embedded, redis://host:6379 or rediss://host:6379", u.Scheme)
	}
	return nil
}

// Open opens the engine of the store's URL: "embedded" (or ""), redis:// or rediss://. Its metrics go
// to reg.
func Open(ctx context.Context, rawURL string, reg prometheus.Registerer, log *slog.Logger) (Window, error) {
	if err := Validate(rawURL); err != nil {
		return nil, err
	}
	var w Window
	if rawURL == "" || rawURL == "embedded" {
		w = NewMemory(0)
	} else {
		r, err := OpenRedis(ctx, rawURL, log)
		if err != nil {
			return nil, err
		}
		w = r
	}
	if reg == nil {
		return w, nil
	}
	err := reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tocsin_store_degraded",
		Help: "1 while the shared store does not answer and a local one stands in.",
	}, func() float64 {
		if w.Degraded() {
			return 1
		}
		return 0
	}))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("register the window's metrics: %w", err), w.Close())
	}
	return w, nil
}
