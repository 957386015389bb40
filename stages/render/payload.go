package render

import (
	"bytes"
	"sync"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
	"github.com/tocsin-security/tocsin/templates"
)

// payload is Alertmanager's webhook body, version "4": what its consumers parse already.
func payload(n pipeline.Notification, d *templates.Data) ([]byte, error) {
	buf := payloads.Get().(*[]byte)
	defer payloads.Put(buf)
	w := alertjson.Begin((*buf)[:0])
	w.Text("version", "4")
	w.Text("groupKey", n.GroupKey)
	w.Uint("truncatedAlerts", 0) // the webhook notifier's max_alerts changes it
	w.Text("receiver", d.Receiver)
	w.Text("status", d.Status)
	w.Objects("alerts", len(d.Alerts), func(w *alertjson.Writer, i int) {
		a := &d.Alerts[i]
		w.Text("status", a.Status)
		w.Pairs("labels", a.Labels)
		w.Pairs("annotations", a.Annotations)
		w.Time("startsAt", a.StartsAt)
		w.Time("endsAt", a.EndsAt)
		w.Text("generatorURL", a.GeneratorURL)
		w.Text("fingerprint", a.Fingerprint)
	})
	w.Text("notification_reason", d.NotificationReason)
	w.Pairs("groupLabels", d.GroupLabels)
	w.Pairs("commonLabels", d.CommonLabels)
	w.Pairs("commonAnnotations", d.CommonAnnotations)
	w.Pairs("routeLabels", d.RouteLabels)
	w.Text("externalURL", d.ExternalURL)
	// Ours: what was kept back, of which alerts has a summary in words; whether it may have been sent before; and, where it
	// came to a fallback, whom it was for and why it is here.
	w.Some("held", len(n.Held) > 0, n.Held)
	w.Flag("again", n.Again)
	w.SomeText("via", n.Via)
	b, err := w.End()
	if err != nil {
		return nil, err
	}
	if cap(b) <= maxKept {
		*buf = b
	}
	return bytes.Clone(b), nil
}

// payloads are buffers in which one is written: how long it becomes is not known before.
var payloads = sync.Pool{New: func() any { return new([]byte) }}

// maxKept is how large such a buffer is at most that is used again.
const maxKept = 256 << 10
