package match

import (
	"maps"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

// objectIdentity stands for the file or remote address in an identity.
const objectIdentity = rules.Object

// contextFields go into every alert where they have a value, whatever the rule's output names.
var contextFields = []string{
	"container.id", "container.name", "container.image.repository", "container.image.tag", "k8s.ns.name", "k8s.pod.name",
	"user.name", "user.uid", "proc.name", "proc.exepath", "proc.cmdline", "proc.pname", "proc.pid", "evt.type", "evt.res",
	"fd.name", "fd.rip", "fd.rport",
}

// labelFields are the fields that alerts are routed and grouped by, under their label names.
var labelFields = []string{
	"container.id", "container.name", "k8s.ns.name", "k8s.pod.name", "proc.exepath",
}

// builder makes alerts. It lives in one Matcher and reuses its buffer.
type builder struct {
	host    string
	context []field.Ref
	labels  []field.Ref
	image   field.Ref
	tag     field.Ref
	buf     []byte
}

func newBuilder(host string) builder {
	return builder{
		host: host, context: mustFields(contextFields), labels: mustFields(labelFields),
		image: mustField("container.image.repository"), tag: mustField("container.image.tag"),
	}
}

func mustFields(names []string) []field.Ref {
	refs := make([]field.Ref, len(names))
	for i, n := range names {
		refs[i] = mustField(n)
	}
	return refs
}

// mustField is for names in this file: a test calls New.
func mustField(name string) field.Ref {
	f, err := filter.ParseField(syntax.NewText(name, syntax.Pos{}))
	if err != nil {
		panic(err)
	}
	return f
}

// parseIdentity looks the fields of an identity up.
func parseIdentity(names []string) (fields []field.Ref, object bool, err error) {
	for _, n := range names {
		if n == objectIdentity {
			object = true
			continue
		}
		f, err := filter.ParseField(syntax.NewText(n, syntax.Pos{}))
		if err != nil {
			return nil, false, err
		}
		fields = append(fields, f)
	}
	return fields, object, nil
}

// alert describes the event that v looks at in the words of rule r.
func (b *builder) alert(r *rule, v *field.View) pipeline.Alert {
	a := b.begin(r, v)
	a.Output = b.text(r.Output, v)
	b.finish(r, v, &a)
	return a
}

// unjudged is the alert that an occurrence shown to a window will be if the window fires.
func (b *builder) unjudged(r *rule, v *field.View, seen *pipeline.Observation) pipeline.Alert {
	a := b.begin(r, v)
	a.Cooldown = r.Window.Cooldown
	u := &pipeline.Unjudged{Observation: ownObservation(seen), Output: b.parts(r.Window, v), Steps: stepNames(r.Window)}
	u.Observation.ID = a.ID
	if !r.local {
		a.Unjudged = u // before finish: it makes the identity one of the fleet
	}
	b.finish(r, v, &a)
	a.Unjudged = u
	return a
}

func (b *builder) begin(r *rule, v *field.View) pipeline.Alert {
	ev := v.Ev
	a := pipeline.Alert{
		ID:           alertID(r.Name, ev),
		Time:         time.Unix(0, ev.Time).UTC(),
		Rule:         r.Name,
		Priority:     r.Priority,
		Source:       own(ev.Source),
		Hostname:     own(ev.Host),
		Tags:         append([]string{}, r.Tags...),
		OutputFields: b.outputFields(r, v),
		QuietFor:     r.DedupeFor,
		Escalate:     r.DedupeEscalate,
		Summary:      r.DedupeSummary,
	}
	if a.Source == "" {
		a.Source = r.Source
	}
	if a.Hostname == "" {
		a.Hostname = b.host
	}
	if ev.Proc.Known {
		b.buf = field.AppendAncestry(b.buf[:0], ev)
		a.Ancestry = string(b.buf)
	}
	if p := ev.Proc; p.ContainerID != "" && (p.Container == nil || !p.Container.Complete) {
		a.Enrichment = pipeline.Partial
	}
	return a
}

// finish adds what follows from the rest: labels, identity and annotations.
func (b *builder) finish(r *rule, v *field.View, a *pipeline.Alert) {
	b.label(r, v, a)
	a.Annotations = annotations(r.Rule, a)
}

func (b *builder) text(o *filter.Output, v *field.View) string {
	b.buf = o.Append(b.buf[:0], v)
	return clean(string(b.buf))
}

// value is a field as text, "" when it is null.
func (b *builder) value(f field.Ref, v *field.View) string {
	var ok bool
	if b.buf, ok = f.Append(b.buf[:0], v); !ok {
		return ""
	}
	return clean(string(b.buf))
}

// outputFields are the fields of the output, null ones too, and the standard context.
func (b *builder) outputFields(r *rule, v *field.View) map[string]any {
	fields := make(map[string]any, len(b.context)+len(r.Output.Fields())+1)
	for _, f := range b.context {
		if value := owned(f.Value(v)); value != nil {
			fields[f.Text] = value
		}
	}
	for _, f := range r.Output.Fields() {
		fields[f.Text] = owned(f.Value(v))
	}
	for _, e := range r.Extra {
		if e.Format != nil {
			fields[e.Name] = b.text(e.Format, v)
		} else {
			fields[e.Name] = owned(e.Field.Value(v))
		}
	}
	fields["evt.time"] = v.Ev.Time
	return fields
}

// owned is value with its memory its own.
func owned(value any) any {
	if s, ok := value.(string); ok {
		return own(s)
	}
	return value
}

// own copies s out of the event's memory.
func own(s string) string { return clean(strings.Clone(s)) }

// clean makes s valid UTF-8, so that JSON gives back what it was given.
func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// label gives the alert its identity, the standard labels and the rule's own.
func (b *builder) label(r *rule, v *field.View, a *pipeline.Alert) {
	object := own(Object(v.Ev))
	identity := make(map[string]string, len(r.identity)+1)
	for _, f := range r.identity {
		identity[pipeline.LabelName(f.Text)] = b.value(f, v)
	}
	if r.object {
		identity[objectIdentity] = object
	}
	a.SetIdentity(identity)
	a.SetLabel(objectIdentity, object)
	for _, f := range b.labels {
		a.SetLabel(pipeline.LabelName(f.Text), b.value(f, v))
	}
	image := b.value(b.image, v)
	if tag := b.value(b.tag, v); image != "" && tag != "" {
		image += ":" + tag
	}
	a.SetLabel("container_image", image)
	for name, value := range r.Labels {
		a.SetLabel(name, value)
	}
}

// annotations are what templates print: the rule's words, and each output field under a name that a
// template can write.
func annotations(r *rules.Rule, a *pipeline.Alert) map[string]string {
	texts := make(map[string]string, len(a.OutputFields)+6+len(r.Annotations))
	for name, value := range a.OutputFields {
		if s := valueText(value); s != "" {
			texts[pipeline.LabelName(name)] = s
		}
	}
	texts["summary"] = r.Name
	texts["description"] = r.Desc
	texts["description_zh"] = r.DescZH
	texts["output"] = a.Output
	texts["runbook_url"] = r.Runbook
	texts["ancestry"] = a.Ancestry
	maps.Copy(texts, r.Annotations)
	maps.DeleteFunc(texts, func(_, value string) bool { return value == "" })
	return texts
}
