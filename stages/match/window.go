package match

import (
	"time"
	"unsafe"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

// Windows are the windows that one node's memory counts in. Judge must not keep the observation or its
// strings; judged is the caller's and is used again for the next call.
type Windows interface {
	Judge(obs *pipeline.Observation, judged *pipeline.Judged)
}

// counter shows the occurrences of rules with a window to that window. It lives in one Matcher and reuses
// its memory: an occurrence that does not make its window fire costs no allocation.
type counter struct {
	windows Windows // nil: every window is the store's
	seen    pipeline.Observation
	judged  pipeline.Judged
	text    []byte // of the key and the values, one behind the other
	value   []byte // of one field
}

// observe makes an Observation of the event that v looks at. Its strings are valid until the next one.
func (c *counter) observe(r *rule, v *field.View, steps uint16) *pipeline.Observation {
	w := r.Window
	c.text = append(c.text[:0], r.keyPrefix...)
	for i := range w.By {
		c.appendBy(&w.By[i], v)
	}
	key := aliased(c.text)
	c.seen = pipeline.Observation{
		Window: &w.Window, Key: key, At: time.Unix(0, v.Ev.Time).UTC(), Steps: steps,
		Distinct: c.valueOf(w.Distinct, v), Changed: c.valueOf(w.Changed, v), New: c.valueOf(w.New, v),
	}
	return &c.seen
}

func (c *counter) appendBy(f *field.Ref, v *field.View) {
	var ok bool
	if c.value, ok = f.Append(c.value[:0], v); !ok {
		c.text = append(c.text, noKeyPart...)
		return
	}
	c.text = appendKeyPart(c.text, shorten(c.value, 0))
}

// valueOf is a field as text; "" when the window does not ask for it or it has no value. When the memory
// has to grow, earlier strings keep the old block alive.
func (c *counter) valueOf(f *field.Ref, v *field.View) string {
	if f == nil {
		return ""
	}
	start := len(c.text)
	c.text, _ = f.Append(c.text, v) // without a value it appends nothing
	c.text = shorten(c.text, start)
	return aliased(c.text[start:])
}

// aliased makes a string of b without copying; it is dead when b is written to.
func aliased(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// judge asks the node's own memory.
func (c *counter) judge(obs *pipeline.Observation) *pipeline.Judged {
	obs.Arrived = obs.At // one clock; what waited for its container comes a minute late at most, which windows take
	c.windows.Judge(obs, &c.judged)
	return &c.judged
}

// ownObservation is obs with memory of its own.
func ownObservation(obs *pipeline.Observation) pipeline.Observation {
	o := *obs
	o.Key, o.Distinct, o.Changed, o.New = own(o.Key), own(o.Distinct), own(o.Changed), own(o.New)
	return o
}

// parts are what an alert's output will be made of when its window has fired.
func (b *builder) parts(w *rules.Window, v *field.View) []pipeline.OutputPart {
	parts := make([]pipeline.OutputPart, len(w.Output))
	for i, p := range w.Output {
		if p.Output != nil {
			parts[i] = pipeline.OutputPart{Text: b.text(p.Output, v)}
		} else {
			parts[i] = pipeline.OutputPart{Sight: p.Sight, Width: p.Width}
		}
	}
	return parts
}

func stepNames(w *rules.Window) []string {
	var names []string
	for _, s := range w.Steps {
		names = append(names, s.Name)
	}
	return names
}
