package router

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
	"github.com/tocsin-security/tocsin/pipeline/bus"
)

// DeadLetters returns dead letters, the oldest first, without their inputs. next is where to go on; 0: there are no more.
func (r *Router) DeadLetters(ctx context.Context, q pipeline.DeadLetterQuery) (all []pipeline.DeadLetter, next uint64, err error) {
	for from := q.From; ; {
		kept, err := r.bus.KeptFrom(ctx, TopicDead, from)
		if errors.Is(err, bus.ErrNone) {
			return all, 0, nil
		}
		if err != nil {
			return nil, 0, err
		}
		from = kept.Number + 1
		letter := readDead(kept)
		letter.Input = nil
		if q.Receiver != "" && letter.Receiver != q.Receiver || q.Stage != "" && letter.Stage != q.Stage ||
			!q.Before.IsZero() && !letter.At.Before(q.Before) {
			continue
		}
		if len(all) == q.Limit {
			return all, letter.ID, nil
		}
		all = append(all, letter)
	}
}

// DeadLetter returns one with its input. The error is pipeline.ErrNoDeadLetter where there is none.
func (r *Router) DeadLetter(ctx context.Context, id uint64) (pipeline.DeadLetter, error) {
	kept, err := r.bus.KeptAt(ctx, TopicDead, id)
	if errors.Is(err, bus.ErrNone) {
		return pipeline.DeadLetter{}, pipeline.ErrNoDeadLetter
	}
	if err != nil {
		return pipeline.DeadLetter{}, err
	}
	return readDead(kept), nil
}

// RemoveDeadLetter removes one. The error is pipeline.ErrNoDeadLetter where there is none.
func (r *Router) RemoveDeadLetter(ctx context.Context, id uint64) error {
	err := r.bus.Remove(ctx, TopicDead, id)
	if errors.Is(err, bus.ErrNone) {
		return pipeline.ErrNoDeadLetter
	}
	return err
}

// ErrNotReplayable says that what a dead letter holds cannot go its way again.
var ErrNotReplayable error = notReplayable{errors.New("it cannot be replayed")}

type notReplayable struct{ error }

// HTTPStatus is what the error means over HTTP.
func (notReplayable) HTTPStatus() int { return http.StatusUnprocessableEntity }

// ReplayDeadLetter has the message of a dead letter go its way again, and then removes the letter. A notification goes to
// the integration that it was for, or where that is not configured any more, its key having been changed for example, to
// those that successors names for its receiver and for what it was. It has the full time for its attempts again. to is where it went.
func (r *Router) ReplayDeadLetter(ctx context.Context, id uint64, successors func(receiver, was string) []string) (to []string, err error) {
	letter, err := r.DeadLetter(ctx, id)
	if err != nil {
		return nil, err
	}
	if integration, ok := strings.CutPrefix(letter.Topic, notifyPrefix); ok {
		to, err = r.replayNotification(ctx, letter, integration, successors)
	} else {
		to, err = []string{letter.Topic}, r.replayInput(ctx, letter)
	}
	if err != nil {
		return nil, err
	}
	return to, r.RemoveDeadLetter(ctx, id)
}

func (r *Router) replayNotification(ctx context.Context, letter pipeline.DeadLetter, integration string, successors func(receiver, was string) []string) ([]string, error) {
	n, err := alertjson.ReadNotification(letter.Input)
	if err != nil || len(n.Alerts)+len(n.Held) == 0 {
		return nil, fmt.Errorf("%w: what it holds is no notification", ErrNotReplayable)
	}
	to := []string{integration}
	if !r.configured(integration) {
		to = successors(n.Receiver, integration)
	}
	if len(to) == 0 {
		return nil, fmt.Errorf("%w: receiver %q is not configured any more", ErrNotReplayable, n.Receiver)
	}
	n.Again, n.CreatedAt = n.Again || letter.Unsure, time.Now().UTC()
	for _, topic := range to {
		n.Integration = topic
		body, _, err := alertjson.AppendNotification(nil, n)
		if err != nil {
			return nil, fmt.Errorf("encode notification %s: %w", n.ID, err)
		}
		// The letter's id has a second replay, after a failure in between, be the same message.
		if err := r.pub.Publish(notifyPrefix+topic, newMessage(ctx, fmt.Sprintf("replay/%d/%s", letter.ID, topic), body)); err != nil {
			return nil, err
		}
	}
	return to, nil
}

func (r *Router) configured(integration string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.notifies[integration] != nil
}

// replayInput publishes a message of another stage as it was.
func (r *Router) replayInput(ctx context.Context, letter pipeline.DeadLetter) error {
	if len(letter.Input) == 0 || letter.Input[0] == '"' {
		return fmt.Errorf("%w: what it holds is no JSON", ErrNotReplayable)
	}
	if letter.Topic != TopicAlerts && letter.Topic != TopicEvents {
		return fmt.Errorf("%w: nothing reads the topic %q", ErrNotReplayable, letter.Topic)
	}
	if letter.Topic == TopicEvents && letter.Metadata[sourceKey] == "" {
		return fmt.Errorf("%w: the version that parked it did not note its source: post the event again", ErrNotReplayable)
	}
	msg := newMessage(ctx, fmt.Sprintf("replay/%d", letter.ID), letter.Input)
	msg.Metadata = letter.Metadata
	return r.pub.Publish(letter.Topic, msg)
}

// readDead reads a dead letter. One that is not ours shows as it is.
func readDead(kept bus.Kept) pipeline.DeadLetter {
	letter := pipeline.DeadLetter{ID: kept.Number, At: kept.At}
	var d DeadLetter
	if err := json.Unmarshal(kept.Body, &d); err != nil {
		letter.Reason = "this is no dead letter of tocsin's: " + err.Error()
		return letter
	}
	letter.Stage, letter.Topic, letter.Reason, letter.Unsure, letter.Input = d.Stage, d.Topic, d.Reason, d.Unsure, d.Input
	letter.Metadata = d.Metadata
	if !d.At.IsZero() {
		letter.At = d.At
	}
	if strings.HasPrefix(d.Topic, notifyPrefix) {
		if n, err := alertjson.ReadNotification(d.Input); err == nil { // else it shows without
			letter.Receiver, letter.Notification, letter.Alerts = n.Receiver, n.ID, len(n.Alerts)
			letter.Rules = rulesOf(n.Alerts)
		}
	} else if alerts, err := alertjson.ReadAll(d.Input); err == nil {
		letter.Alerts, letter.Rules = len(alerts), rulesOf(alerts)
	}
	return letter
}

// rulesOf are the rules of alerts, each once.
func rulesOf(alerts []pipeline.Alert) (rules []string) {
	for i := range alerts {
		name := alerts[i].Rule
		if name == "" {
			name = alerts[i].Labels["alertname"]
		}
		if !slices.Contains(rules, name) {
			rules = append(rules, name)
		}
	}
	return rules
}
