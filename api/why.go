package api

import (
	"fmt"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// why says in a sentence why people were told of an alert, or not: first what keeps it back now, then what became of
// the latest messages about it, then what it waits for.
func why(k *pipeline.Known, to pipeline.Routed, deliveries []delivery, now time.Time) string {
	var parts []string
	live := k.EndsAt.After(now)
	if live {
		if text := keptBack(to); text != "" {
			parts = append(parts, text)
		}
	}
	latest := latestOf(deliveries)
	told := false
	for _, d := range latest {
		parts = append(parts, outcome(&d, happened(k, &d), now))
		told = told || !d.last().At.Before(happened(k, nil))
	}
	due := nextDue(to)
	switch {
	case k.Repeats > 0 && live:
		parts = append(parts, fmt.Sprintf("a repeat: it has occurred %s since, which the next message tells", times(k.Repeats)))
	case told || len(parts) > 0 && !due.After(now):
	case due.After(now):
		parts = append(parts, "waits for its group, due in "+short(due.Sub(now)))
	case !due.IsZero():
		parts = append(parts, "its group is due and goes out now")
	case !live:
		parts = append(parts, "it is over, and no message about it is known")
	case len(to.Groups) > 0:
		parts = append(parts, "it was let through to "+receivers(to)+", and no message about it is known yet")
	default:
		parts = append(parts, "it was let through, and no message about it is known yet")
	}
	return strings.Join(parts, "; ")
}

// happened is when what a delivery tells of happened, as far as that can be: the latest occurrence if that was before.
func happened(k *pipeline.Known, d *delivery) time.Time {
	at := k.Time
	if k.Stateful != nil {
		at = k.StartsAt
		if d != nil && !k.EndsAt.After(d.Attempts[0].At) {
			at = k.EndsAt
		}
	}
	return at
}

// latestOf is the latest delivery to each integration.
func latestOf(deliveries []delivery) []delivery {
	var latest []delivery
	places := map[string]int{}
	for _, d := range deliveries {
		if i, there := places[d.Integration]; there {
			latest[i] = d
			continue
		}
		places[d.Integration] = len(latest)
		latest = append(latest, d)
	}
	return latest
}

// outcome says what became of a delivery.
func outcome(d *delivery, happened, now time.Time) string {
	last := d.last()
	over := fmt.Sprintf("%s over %s", d.Receiver, strings.TrimPrefix(d.Integration, d.Receiver+"."))
	switch d.State {
	case "sent":
		text := "sent to " + over
		if wait := last.At.Sub(happened); wait >= 0 {
			text += " " + short(wait) + " after it happened"
		} else {
			text += " " + short(now.Sub(last.At)) + " ago, before it happened again"
		}
		if n := len(d.Attempts); n > 1 {
			text += fmt.Sprintf(", at attempt %d", n)
		}
		return text
	case "moved":
		return fmt.Sprintf("handed to the fallback: %s could not take it: %s", over, last.Answer)
	case "dead":
		return fmt.Sprintf("parked: %s took no message: %s", over, last.Answer)
	default:
		return fmt.Sprintf("not yet at %s: attempt %d failed %s ago: %s", over, len(d.Attempts), short(now.Sub(last.At)), last.Answer)
	}
}

// keptBack says what keeps an alert back; "" nothing does.
func keptBack(to pipeline.Routed) string {
	by := to.Suppressed
	if allMuted(to.Groups) {
		by = append(by[:len(by):len(by)], to.Groups[0].Muted...)
	}
	var parts []string
	for _, s := range by {
		text := "kept back by " + reasonOf(s)
		if !s.Until.IsZero() {
			text += " until " + s.Until.UTC().Format(time.RFC3339)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

func reasonOf(s pipeline.Suppressed) string {
	switch s.Why {
	case pipeline.BySilence:
		return "silence " + s.By
	case pipeline.ByInhibition:
		return fmt.Sprintf("alert %s, which inhibits it (rule %s)", s.By, s.Rule)
	case pipeline.ByMuteInterval:
		return "the mute interval " + s.By
	case pipeline.ByActiveInterval:
		return "being outside the active interval " + s.By
	case pipeline.ByAck:
		return "the acknowledgement of " + s.By
	default:
		return s.Why + " " + s.By
	}
}

// nextDue is when the first of an alert's groups is due; zero: none is.
func nextDue(to pipeline.Routed) (due time.Time) {
	for _, g := range to.Groups {
		if !g.Due.IsZero() && (due.IsZero() || g.Due.Before(due)) {
			due = g.Due
		}
	}
	return due
}

func receivers(to pipeline.Routed) string {
	names := make([]string, len(to.Groups))
	for i, g := range to.Groups {
		names[i] = g.Receiver
	}
	return strings.Join(names, ", ")
}

func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// short is a duration as people say it: 3ms, 1.2s, 12s, 4m30s, 2h10m.
func short(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	default:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
}
