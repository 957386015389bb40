package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin-security/tocsin/api"
	"github.com/tocsin-security/tocsin/configs"
	"github.com/tocsin-security/tocsin/pipeline/bus"
	"github.com/tocsin-security/tocsin/pipeline/router"
)

// sender hands a sensor's alerts to the durable half elsewhere: over a broker that both use, or, when
// bus is a router's address, over HTTP. Then the alerts are spooled in the embedded bus until the
// router has taken them.
type sender struct {
	bus     *bus.Bus
	router  *router.Router
	forward bool // the router posts what the bus spools
}

func openSender(ctx context.Context, cfg *configs.Loaded, reg prometheus.Registerer, log *slog.Logger) (s *sender, err error) {
	s = &sender{forward: forwards(cfg)}
	if !s.forward && string(cfg.Bus) == bus.Embedded {
		return nil, errors.New("bus: `tocsin sensor` has no durable half of its own: " +
			"set bus to a broker (nats://host:4222) or to a router's address (http://router:8686)")
	}
	if s.bus, err = openBus(ctx, cfg, log); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.bus.Close())
		}
	}()
	if s.router, err = router.New(router.Config{}, s.bus, reg, log); err != nil {
		return nil, err
	}
	if !s.forward {
		return s, nil
	}
	client, err := api.NewClient(cfg.Bus)
	if err != nil {
		return nil, err
	}
	s.router.HandleAlerts(client.PostAlerts)
	return s, nil
}
