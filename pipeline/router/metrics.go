package router

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Outcomes of a notification; published = sent + dead + what is still in the topics. An attempt may also be
// one that is made again.
const (
	outcomeSent  = "sent"
	outcomeMoved = "moved" // to the fallback
	outcomeDead  = "dead"
	outcomeRetry = "retry"
)

type metrics struct {
	alertsReceived prometheus.Counter
	alertsHandled  prometheus.Counter
	alertsDead     prometheus.Counter
	alertsAgain    prometheus.Counter
	yielded        prometheus.Counter
	eventsReceived prometheus.Counter
	eventsHandled  prometheus.Counter
	published      *prometheus.CounterVec // receiver, integration
	notifications  *prometheus.CounterVec // receiver, integration, outcome
	dead           *prometheus.CounterVec // stage
	parked         prometheus.Gauge
	dropped        *prometheus.CounterVec // reason
	retries        *prometheus.CounterVec // handler
	handler        *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "tocsin_" + name, Help: help})
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tocsin_" + name, Help: help}, labels)
	}
	m := &metrics{
		alertsReceived: counter("alerts_received_total", "Alerts made durable on the bus."),
		alertsHandled:  counter("alerts_handled_total", "Alerts taken from the bus and deduplicated, routed and stored."),
		alertsAgain:    counter("alerts_again_total", "Alerts that came again after they were handled, and were left out."),
		alertsDead:     counter("alerts_dead_total", "Alerts parked in the dead-letter topic."),
		yielded:        counter("intake_yielded_total", "Posts of alerts that waited, 20 ms at most, since notifications were late and the process was busy."),
		eventsReceived: counter("events_received_total", "Structured events made durable on the bus."),
		eventsHandled:  counter("events_handled_total", "Structured events taken from the bus and handled."),
		published: counters("notifications_published_total",
			"Notifications made durable for an integration.", "receiver", "integration"),
		notifications: counters("notifications_total",
			"Notifications that came to an end, by outcome: sent, moved (to the fallback), dead.", "receiver", "integration", "outcome"),
		dead: counters("dead_letters_total", "Messages parked in the dead-letter topic.", "stage"),
		parked: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tocsin_dead_letters_parked", Help: "Dead letters that are on the bus now, to be replayed or purged.",
		}),
		dropped: counters("dead_letters_dropped_total", "Dead letters that were too old (age) or too much (size), and were removed unread.", "reason"),
		retries: counters("retries_total", "Failed runs of a handler that are tried again.", "handler"),
		handler: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "tocsin_handler_duration_seconds",
			Help:    "Time of one run of a handler.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 9), // 0.1 ms to 6.5 s
		}, []string{"handler"}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{
		m.alertsReceived, m.alertsHandled, m.alertsDead, m.alertsAgain, m.yielded, m.eventsReceived, m.eventsHandled, m.published, m.notifications, m.dead, m.parked, m.dropped, m.retries, m.handler,
	} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register the router's metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) notified(n pipeline.Notification, outcome string) {
	m.notifications.WithLabelValues(n.Receiver, n.Integration, outcome).Inc()
}
