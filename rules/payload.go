package rules

import (
	"maps"
	"slices"

	"github.com/tocsin-security/tocsin/filter/payload"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// SourceJSON is the source of structured events that name none.
const SourceJSON = "json"

// Payload is what a rule for structured events has in place of kernel fields. Condition is for one
// goroutine at a time.
type Payload struct {
	Schema    *payload.Schema // of the rule's source; nil: it has none
	Condition *payload.Condition
	Output    *payload.Output
	DedupeBy  []payload.Path // what makes two alerts the same; nil: the source; empty: nothing more than the rule
}

// structured reports whether a source is one of structured events.
func (c Config) structured(source string) bool {
	_, ok := c.Sources[source]
	return ok || source == SourceJSON || slices.Contains(pipeline.OwnSources(), source)
}

// sourceHint says what a rule can be for, in place of a source nobody has.
func (c Config) sourceHint(source string) string {
	known := slices.Concat(slices.Sorted(maps.Keys(c.Sources)), pipeline.OwnSources(), []string{SourceJSON, sourceSyscall})
	if near := syntax.DidYouMean(source, known); near != "" {
		return near
	}
	return "sources of structured events are named in the configuration, under sources"
}

// payload is the rule's part for structured events.
func (r *Rule) payload() *Payload {
	if r.Payload == nil {
		r.Payload = &Payload{}
	}
	return r.Payload
}

func (b *builder) payloadIdentity(name syntax.Text, r *Rule) error {
	p, err := payload.ParsePath(name, b.cfg.Sources[r.Source])
	if err != nil {
		return err
	}
	r.payload().DedupeBy = append(r.payload().DedupeBy, p)
	return nil
}

// compilePayload compiles a rule for structured events.
func (b *builder) compilePayload(r *Rule, condition, output syntax.Text, steps []windowStep) (_ Code, err error) {
	p, schema := r.payload(), b.cfg.Sources[r.Source]
	p.Schema = schema
	if p.Condition, err = payload.Compile(condition, schema); err != nil {
		return ErrCompileCondition, err
	}
	if err = b.compilePayloadSteps(r, condition, steps, schema); err != nil {
		return ErrCompileCondition, err
	}
	if err = b.compilePayloadOutput(r, output, schema); err != nil {
		return ErrCompileOutput, err
	}
	b.blindToPlaces(r)
	return "", nil
}
