package match

import (
	"time"

	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

// unjudged is the alert that an occurrence will be if its window fires.
func (r *payloadRule) unjudged(id string, e payload.Event, at, arrival time.Time, steps uint16) pipeline.Alert {
	w := r.Window.Payload
	if w == nil { // it counts by nothing
		w = &rules.PayloadWindow{}
	}
	a := r.begin(id, e, at)
	a.Cooldown = r.Window.Cooldown
	a.Unjudged = &pipeline.Unjudged{
		Observation: pipeline.Observation{
			Window: &r.Window.Window, Key: r.key(w, e), ID: a.ID, At: at, Arrived: arrival, Steps: steps,
			Distinct: pathText(w.Distinct, e), Changed: pathText(w.Changed, e), New: pathText(w.New, e),
		},
		Output: r.parts(e), Steps: stepNames(r.Window),
	}
	r.finish(&a, e)
	return a
}

// key is what the window counts the event under.
func (r *payloadRule) key(w *rules.PayloadWindow, e payload.Event) string {
	key := []byte(r.keyPrefix)
	for i := range w.By {
		if value := w.By[i].Value(e); value == nil {
			key = append(key, noKeyPart...)
		} else {
			key = appendKeyPart(key, shorten([]byte(payload.Text(value)), 0))
		}
	}
	return clean(string(key))
}

// pathText is a value as the window compares it; "" when there is none.
func pathText(p *payload.Path, e payload.Event) string {
	if p == nil {
		return ""
	}
	value := p.Value(e)
	if value == nil {
		return ""
	}
	return clean(string(shorten([]byte(payload.Text(value)), 0)))
}

// parts are what the alert's output will be made of. Together they are no longer than an output may be.
func (r *payloadRule) parts(e payload.Event) []pipeline.OutputPart {
	left := payload.MaxOutput
	parts := make([]pipeline.OutputPart, len(r.Window.Output))
	for i, p := range r.Window.Output {
		if p.Payload == nil {
			parts[i] = pipeline.OutputPart{Sight: p.Sight, Width: p.Width}
			continue
		}
		text := payload.Cut(p.Payload.Text(e), left)
		left = max(left-len(text), 0)
		parts[i] = pipeline.OutputPart{Text: text}
	}
	return parts
}
