package silence

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// Annotations by which clients that know only Alertmanager's fields say the rest. A silence always has those that it
// means, so that such a client which reads it and posts it again changes nothing.
const (
	AnnotationForce   = "tocsin_force"
	AnnotationIdleEnd = "tocsin_idle_end"
	AnnotationTicket  = "tocsin_ticket"
)

// withAnnotations reads the fields that annotations say, where they are not set, and writes those that are.
// idleEnd is for silences that say nothing of it.
func withAnnotations(s pipeline.Silence, idleEnd pipeline.Duration) (pipeline.Silence, error) {
	said := map[string]string{}
	for name, value := range s.Annotations {
		said[name] = value
	}
	if text, ok := said[AnnotationForce]; ok && text != "true" && text != "false" {
		return s, invalid("annotation %s: %q: write true or false", AnnotationForce, text)
	}
	s.Forced = s.Forced || said[AnnotationForce] == "true"
	if s.Ticket == "" {
		s.Ticket = said[AnnotationTicket]
	}
	text, ok := said[AnnotationIdleEnd]
	switch {
	case s.IdleEnd != 0:
	case ok:
		d, err := pipeline.ParseDuration(text)
		if err != nil {
			return s, invalid("annotation %s: %v", AnnotationIdleEnd, err)
		}
		s.IdleEnd = pipeline.Duration(d)
	default:
		s.IdleEnd = idleEnd
	}
	set := func(name, value string, is bool) {
		delete(said, name)
		if is {
			said[name] = value
		}
	}
	set(AnnotationForce, "true", s.Forced)
	set(AnnotationTicket, s.Ticket, s.Ticket != "")
	set(AnnotationIdleEnd, s.IdleEnd.String(), s.IdleEnd != 0 || ok)
	if s.Annotations = said; len(said) == 0 {
		s.Annotations = nil
	}
	return s, nil
}

// check says what is wrong with a silence that begins and ends as it says.
func (c Config) check(s *pipeline.Silence, now time.Time) error {
	if err := checkMatchers(s.Matchers); err != nil {
		return err
	}
	if strings.TrimSpace(s.CreatedBy) == "" {
		return invalid("createdBy is missing: whose silence is it?")
	}
	if strings.TrimSpace(s.Comment) == "" {
		return invalid("comment is missing: whoever wonders where an alert went will read it")
	}
	if err := c.checkTimes(s, now); err != nil {
		return err
	}
	if d := time.Duration(s.IdleEnd); d != 0 && d < leastIdle {
		return invalid("a silence can end after %s without a match at the earliest, not after %s: groups ask only now and then", leastIdle, d)
	}
	if c.RequireScope && !s.Forced && !scoped(s.Matchers) {
		return invalid("this silence is too broad: it names neither a rule (alertname = \"…\") nor a workload (k8s_ns_name, k8s_pod_name, container_name, container_image, "+
			"hostname, service, job, instance, …), so it would hide alerts that nobody has thought of; if that is meant, use --force of tocsin silence add, "+
			"or with amtool --annotation=%s=true", AnnotationForce)
	}
	body, err := json.Marshal(s)
	if err != nil {
		return invalid("it cannot be written as JSON: %v", err)
	}
	if len(body) > int(c.MaxSize) {
		return invalid("the silence has %d bytes, at most %d are kept (silences.max_size)", len(body), c.MaxSize)
	}
	return nil
}

func (c Config) checkTimes(s *pipeline.Silence, now time.Time) error {
	switch most := time.Duration(c.MaxDuration); {
	case s.EndsAt.IsZero():
		return invalid("endsAt is missing")
	case !s.EndsAt.After(s.StartsAt):
		return invalid("it ends (%s) before it starts (%s)", stamp(s.EndsAt), stamp(s.StartsAt))
	case !s.EndsAt.After(now):
		return invalid("it ends in the past (%s)", stamp(s.EndsAt))
	case most != 0 && s.EndsAt.Sub(later(now, s.StartsAt)) > most+time.Minute: // and what the clocks of people differ by
		return invalid("it ends %s from now or its start, at most %s are taken (silences.max_duration); it can be extended later",
			s.EndsAt.Sub(later(now, s.StartsAt)).Round(time.Second), most)
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func checkMatchers(ms []pipeline.Matcher) error {
	if len(ms) == 0 {
		return invalid("there are no matchers: they say which alerts are meant")
	}
	for _, m := range ms {
		if m.Name == "" || !utf8.ValidString(m.Name) || !utf8.ValidString(m.Value) {
			return invalid("matcher %q of %q: a name must not be empty, and both have to be UTF-8", m.Value, m.Name)
		}
	}
	compiled, err := matcher.Compile(ms)
	if err != nil {
		return invalid("%v", err)
	}
	for _, m := range compiled {
		if !m.Matches("") {
			return nil
		}
	}
	return invalid("every matcher holds for alerts without that label, so the silence would be for nearly all alerts: at least one has to ask for something")
}
