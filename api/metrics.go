package api

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the HTTP surface. Values of their labels come from closed sets: routes, not paths; sources that the
// configuration has; reasons that are written in this package and in access.
type metrics struct {
	requests  *prometheus.CounterVec // method, path, code
	denied    *prometheus.CounterVec // reason
	accepted  *prometheus.CounterVec // source
	refused   *prometheus.CounterVec // source, reason
	truncated prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tocsin_" + name, Help: help}, labels)
	}
	m := &metrics{
		requests: counters("http_requests_total", "Requests by route and status.", "method", "path", "code"),
		denied: counters("http_denied_total", "Requests turned away by who sent them: no_credentials, token, token_expired, password, "+
			"signature, too_often, busy, scope, cross_origin, rate, body, too_large.", "reason"),
		accepted: counters("intake_accepted_total", "Events and alerts that were posted and are durable.", "source"),
		refused: counters("intake_refused_total", "Posts that were refused, and lines of streams that were: malformed, too_large, "+
			"unknown_source, not_stored.", "source", "reason"),
		truncated: prometheus.NewCounter(prometheus.CounterOpts{Name: "tocsin_intake_truncated_alerts_total",
			Help: "Alerts that an Alertmanager left out of what it posted, by its max_alerts."}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.denied, m.accepted, m.refused, m.truncated} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register the metrics of http: %w", err)
		}
	}
	return m, nil
}

// Reasons of intake_refused_total.
const (
	reasonMalformed     = "malformed"
	reasonTooLarge      = "too_large"
	reasonUnknownSource = "unknown_source"
	reasonNotStored     = "not_stored"
)
