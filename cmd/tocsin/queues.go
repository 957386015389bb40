package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/router"
	"github.com/tocsin-security/tocsin/stages/deliver"
	"github.com/tocsin-security/tocsin/stages/route"
	"github.com/tocsin-security/tocsin/store/quota"
)

// waitTogether is how many notifications of a channel with a quota wait in memory: so many become one digest. More are on
// the bus, and behind them what is urgent would wait.
const waitTogether = 4096

// attemptTimeout bounds one attempt to deliver.
const attemptTimeout = 30 * time.Second

// openQueues makes what decides when a notification goes to its channel.
func (d *durable) openQueues(p *plan, reg prometheus.Registerer) error {
	files, err := quota.Open(filepath.Join(p.cfg.DataDir, "quotas"), d.log)
	if err != nil {
		return err
	}
	var quotas pipeline.Quotas = files
	if d.shared != nil {
		quotas = quota.NewShared(d.shared, files)
	}
	merged := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tocsin_notifications_merged_total",
		Help: "Notifications that went to their channel in one message with others, by how.",
	}, []string{"integration", "in"})
	missed := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tocsin_notification_recipients_missed_total",
		Help: "Recipients who did not get a message that others got.",
	}, []string{"integration"})
	if err := errors.Join(reg.Register(merged), reg.Register(missed)); err != nil {
		return fmt.Errorf("register the metrics of delivery: %w", err)
	}
	d.queues = deliver.New(deliver.Config{
		Quotas: quotas, InFlight: waitTogether, AttemptTimeout: attemptTimeout, Log: d.log,
		Trouble: (&channelWatch{host: p.host, durable: d}).trouble,
		Merged: func(integration string, n int, digest bool) {
			in := "message"
			if digest {
				in = "digest"
			}
			merged.WithLabelValues(integration, in).Add(float64(n))
		},
		Missed: func(integration string, n int) { missed.WithLabelValues(integration).Add(float64(n)) },
	})
	if err := reg.Register(waitingMetric{d.queues}); err != nil {
		return fmt.Errorf("register the metrics of delivery: %w", err)
	}
	d.fallbacks.Store(&p.fallbacks)
	return nil
}

// handlers are what takes notifications off the bus, by integration.
func (d *durable) handlers(p *plan) map[string]router.Handler {
	all := make(map[string]router.Handler, len(p.channels))
	for topic, channel := range p.channels {
		h := router.Handler{Deliver: d.queues.Set(topic, channel).Deliver}
		if len(channel.Limits) > 0 {
			h.InFlight = waitTogether
		}
		all[topic] = h
	}
	return all
}

// fallback is where what a receiver's channels cannot take goes.
type fallback struct {
	receiver     string
	integrations []string
}

// setFallbacks looks up the integrations of fallbacks.
func (p *plan) setFallbacks(receivers []route.Receiver) {
	for name, f := range p.fallbacks {
		for _, r := range receivers {
			if r.Name != f.receiver {
				continue
			}
			for _, i := range r.Integrations {
				f.integrations = append(f.integrations, i.Topic)
			}
		}
		p.fallbacks[name] = f
	}
}

// fallBack publishes a notification for its receiver's fallback. What came to one already stays: two channels that are
// down must not throw it to and fro.
func (d *durable) fallBack(ctx context.Context, n pipeline.Notification, reason string) (bool, error) {
	f, ok := (*d.fallbacks.Load())[n.Receiver]
	if !ok || n.Via != "" || len(f.integrations) == 0 {
		return false, nil
	}
	moved := make([]pipeline.Notification, len(f.integrations))
	for i, topic := range f.integrations {
		m := n
		m.ID, m.Receiver, m.Integration = n.ID+"-"+strings.TrimPrefix(topic, f.receiver+"."), f.receiver, topic
		m.Via = n.Receiver + ": " + reason
		moved[i] = m
	}
	d.log.Warn("a notification goes to the fallback", "receiver", n.Receiver, "fallback", f.receiver, "notification", n.ID, "reason", reason)
	return true, d.router.PublishNotifications(ctx, moved)
}

// waitingMetric is how many notifications wait for their channel's quota or health.
type waitingMetric struct{ queues *deliver.Queues }

var waitingDesc = prometheus.NewDesc("tocsin_notifications_waiting", "Notifications that wait for their channel's turn, in this process.", []string{"integration"}, nil)

// Describe is prometheus.Collector's.
func (waitingMetric) Describe(ch chan<- *prometheus.Desc) { ch <- waitingDesc }

// Collect is prometheus.Collector's.
func (m waitingMetric) Collect(ch chan<- prometheus.Metric) {
	for integration, n := range m.queues.Waiting() {
		ch <- prometheus.MustNewConstMetric(waitingDesc, prometheus.GaugeValue, float64(n), integration)
	}
}

// channelRule is what tells of a channel that takes nothing.
var channelRule = internalRule{
	name:     "Channel down",
	desc:     "a channel has taken no message for minutes: what was for it waits, or goes to its receiver's fallback",
	descZH:   "通知渠道持续失败，消息在等待，或已转到备用接收者",
	priority: pipeline.Critical,
	every:    time.Hour,
}

// channelWatch tells of channels that are down.
type channelWatch struct {
	host    string
	durable *durable

	mu sync.Mutex
}

// trouble emits an alert; it is called from where messages are sent, so publishing goes beside.
func (w *channelWatch) trouble(t deliver.Trouble) {
	output := fmt.Sprintf("receiver %s takes no messages over %s since %s: %v (%d waiting)",
		t.Receiver, t.Integration, t.Since.UTC().Format(time.RFC3339), t.Err, t.Waiting)
	fields := pipeline.Fields{"receiver": t.Receiver, "integration": t.Integration, "waiting": t.Waiting}
	a := channelRule.alert(w.host, output, fields)
	a.SetIdentity(map[string]string{"channel": t.Integration}) // each is told of
	go func() {
		w.mu.Lock() // one at a time
		defer w.mu.Unlock()
		if err := w.durable.emit(a); err != nil {
			w.durable.log.Error("a channel is down, and that cannot be told", "receiver", t.Receiver, "integration", t.Integration, "err", err)
		}
	}()
}
