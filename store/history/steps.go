package history

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	// queueLen is how many notes wait to be written. Each is what one call brought, mostly the steps of a batch: fewer
	// lose steps when the disk is busy for a moment, more are memory.
	queueLen = 1024
	// writeAfter is how long steps wait for more, unless maxLines are there sooner: kill -9 loses so much.
	writeAfter = 100 * time.Millisecond
	// maxLines is how many steps make a write at once, and about how many one write takes: more share the pages that it
	// changes.
	maxLines = 4000
	// maxSteps is how many steps of an alert, or attempts of a notification, are read.
	maxSteps = 500
)

// line is a step and what it is about: an alert's fingerprint, or for attempts the hash of the notification's id.
type line struct {
	subject uint64
	step    pipeline.Step
}

// Note takes steps of alerts. It does not block: when too many wait, they are counted as lost.
func (h *History) Note(steps ...pipeline.Step) {
	if h.engine == nil || len(steps) == 0 {
		return
	}
	lines := make([]line, len(steps))
	for i := range steps {
		lines[i] = line{uint64(steps[i].Fingerprint), steps[i]}
	}
	h.enqueue(lines)
}

// Attempt takes what came of an attempt to deliver a notification: the verdict is sent, retry or dead. Of the first
// attempt (or where there was none, because the channel had too much waiting) each of its alerts is told. It does not block.
func (h *History) Attempt(n pipeline.Notification, attempt int, verdict, answer string, retryIn time.Duration) {
	if h.engine == nil {
		return
	}
	step := pipeline.Step{
		At: time.Now().UTC(), Stage: "deliver", Verdict: verdict, Detail: detail(answer, retryIn), Receiver: n.Receiver,
		Integration: n.Integration, GroupKey: n.GroupKey, Notification: n.ID, Attempt: attempt,
	}
	if len(n.Alerts) == 1 { // it is a step of that one's: a row less for each message
		step.Fingerprint = n.Alerts[0].Fingerprint
		h.enqueue([]line{{uint64(step.Fingerprint), step}})
		return
	}
	lines := []line{{notificationSubject(n.ID), step}}
	if attempt <= 1 {
		began := step
		began.Verdict, began.Detail, began.Attempt = verdictMessage, n.Reason, 0
		for i := range n.Alerts {
			began.Fingerprint = n.Alerts[i].Fingerprint
			lines = append(lines, line{uint64(began.Fingerprint), began})
		}
	}
	h.enqueue(lines)
}

// verdictMessage is of the step that leads from an alert to the attempts of a notification that tells of it.
const verdictMessage = "message"

func detail(answer string, retryIn time.Duration) string {
	if retryIn <= 0 {
		return answer
	}
	return answer + "; again in " + retryIn.Round(10*time.Millisecond).String()
}

func notificationSubject(id string) uint64 {
	return hashOf("notification", id)
}

func (h *History) enqueue(lines []line) {
	select {
	case h.queue <- lines:
	default:
		h.lost.Add(uint64(len(lines)))
	}
}

// Steps returns what is known of an alert's way, the earliest first: its own steps, and the attempts to deliver the
// notifications that tell of it.
func (h *History) Steps(ctx context.Context, of pipeline.Fingerprint) ([]pipeline.Step, error) {
	if h.engine == nil {
		return nil, ErrOff
	}
	own, err := h.engine.steps(ctx, uint64(of), maxSteps)
	if err != nil {
		return nil, err
	}
	own = slices.DeleteFunc(own, func(s pipeline.Step) bool { return s.Fingerprint != of })
	var all []pipeline.Step
	seen := map[string]bool{}
	for _, s := range own {
		if s.Verdict != verdictMessage {
			all = append(all, s)
		}
		if s.Notification == "" || seen[s.Notification] {
			continue
		}
		seen[s.Notification] = true
		attempts, err := h.engine.steps(ctx, notificationSubject(s.Notification), maxSteps)
		if err != nil {
			return nil, err
		}
		for _, a := range attempts {
			if a.Notification == s.Notification {
				a.Fingerprint = of
				all = append(all, a)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b pipeline.Step) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(rank(a), rank(b)))
	})
	return all, nil
}

// rank orders steps of one moment by where they are on the way.
func rank(s pipeline.Step) int {
	return slices.Index([]string{"window", "dedupe", "route", "flush", "deliver"}, s.Stage)
}
