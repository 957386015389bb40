package match

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/pipeline"
)

// alert describes a structured event in the words of the rule.
func (r *payloadRule) alert(id string, e payload.Event, at time.Time) pipeline.Alert {
	a := r.begin(id, e, at)
	a.Output = r.Payload.Output.Text(e)
	r.finish(&a, e)
	return a
}

// begin makes what an alert has before its identity.
func (r *payloadRule) begin(id string, e payload.Event, at time.Time) pipeline.Alert {
	return pipeline.Alert{
		ID:           payloadID(id, r.Name),
		Time:         at,
		Rule:         r.Name,
		Priority:     r.Priority,
		Source:       r.Source,
		Hostname:     payloadHost(e),
		Tags:         append([]string{}, r.Tags...),
		OutputFields: pipeline.Fields{},
		QuietFor:     r.DedupeFor,
		Escalate:     r.DedupeEscalate,
		Summary:      r.DedupeSummary,
	}
}

// finish adds fields, identity, labels and annotations.
func (r *payloadRule) finish(a *pipeline.Alert, e payload.Event) {
	output := r.Payload.Output
	identity := map[string]string{}
	if r.Payload.DedupeBy == nil {
		identity["source"] = r.Source
	}
	for _, p := range r.Payload.DedupeBy {
		a.OutputFields[p.Text] = output.Value(e, p)
		identity[freeName(identity, pipeline.LabelName(p.Text))] = identityText(p.Value(e))
	}
	for _, p := range output.Paths() {
		a.OutputFields[p.Text] = output.Value(e, p)
	}
	a.SetIdentity(identity)
	setOwnLabels(a, e)
	for name, value := range r.Labels {
		a.SetLabel(name, value)
	}
	a.Annotations = annotations(r.Rule, a)
}

// payloadID is a function of message and rule: an event that is delivered again makes the same alert.
func payloadID(message, rule string) string {
	space, err := uuid.Parse(message)
	if err != nil {
		space = uuid.NewSHA1(uuid.Nil, []byte(message))
	}
	return uuid.NewSHA1(space, []byte(rule)).String()
}

// payloadHost is the host an event names. It is never the router's own: with two routers, one thing
// would have two identities.
func payloadHost(e payload.Event) string {
	const longest = 253 // bytes, of a DNS name
	for _, name := range []string{"hostname", "host"} {
		if host := e.Get(name); host != "" {
			return payload.Cut(host, longest)
		}
	}
	return ""
}

// freeName is name, or one like it when two members come to the same label: event.a.b and event.a_b.
func freeName(taken map[string]string, name string) string {
	free := name
	for n := 2; ; n++ {
		if _, ok := taken[free]; !ok {
			return free
		}
		free = name + "_" + strconv.Itoa(n)
	}
}

// identityText is a value as part of an identity and as a label. What is too long for a label ends in a
// hash of all of it, so that two long values stay two things.
func identityText(v any) string {
	const longest = 256
	if v == nil {
		return ""
	}
	s := payload.Text(v)
	if len(s) <= longest {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return payload.Cut(s, longest-16) + hex.EncodeToString(sum[:8])
}
