package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// occurrenceView is something that history keeps.
type occurrenceView struct {
	At    time.Time       `json:"at"`
	Kind  string          `json:"kind"` // event, firing, resolved
	Alert *pipeline.Alert `json:"alert"`
}

// searchHistory answers with a page of what happened, the latest first.
func (s *Server) searchHistory(w http.ResponseWriter, r *http.Request) {
	q, err := readHistoryQuery(r.URL.Query(), time.Now())
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	page, err := s.deps.History.Search(r.Context(), q)
	switch {
	case errors.Is(err, pipeline.ErrCursor):
		refuse(w, http.StatusBadRequest, err.Error())
		return
	case err != nil:
		s.noHistory(w, err)
		return
	}
	found := make([]occurrenceView, len(page.Occurrences))
	for i := range page.Occurrences {
		o := &page.Occurrences[i]
		found[i] = occurrenceView{o.At, o.Kind, &o.Alert}
	}
	answer(w, http.StatusOK, map[string]any{"occurrences": found, "next": page.Next, "looked": page.Looked})
}

// historyParams are those that a search has; any other is a mistake that would find too much.
var historyParams = map[string]bool{
	"rule": true, "filter": true, "q": true, "kind": true, "priority": true, "since": true, "until": true,
	"fingerprint": true, "limit": true, "cursor": true,
}

func readHistoryQuery(params url.Values, now time.Time) (q pipeline.HistoryQuery, err error) {
	for name := range params {
		if !historyParams[name] {
			return q, fmt.Errorf("%q is no parameter of a search: use rule, filter, q, kind, priority, since, until, fingerprint, limit, cursor", name)
		}
	}
	q.Rule, q.Text, q.Kind, q.Cursor = params.Get("rule"), params.Get("q"), params.Get("kind"), params.Get("cursor")
	ms, err := filterParam(params, "filter")
	if err != nil {
		return q, err
	}
	q.Matchers = matcher.Split(ms)
	switch q.Kind {
	case "", pipeline.OccurredEvent, pipeline.OccurredFiring, pipeline.OccurredResolved:
	default:
		return q, fmt.Errorf("kind=%q is none of event, firing, resolved", q.Kind)
	}
	if text := params.Get("priority"); text != "" {
		p, err := pipeline.ParsePriority(text)
		if err != nil {
			return q, err
		}
		q.Priority = &p
	}
	if text := params.Get("fingerprint"); text != "" {
		var fp pipeline.Fingerprint
		if err := fp.UnmarshalText([]byte(text)); err != nil {
			return q, fmt.Errorf("fingerprint=%q is not 16 hex digits", text)
		}
		q.Fingerprint = &fp
	}
	if q.From, err = timeParam(params, "since", now); err != nil {
		return q, err
	}
	if q.To, err = timeParam(params, "until", now); err != nil {
		return q, err
	}
	q.Limit, err = limitParam(params)
	return q, err
}

// timeParam reads a time, or how long ago it was.
func timeParam(params url.Values, name string, now time.Time) (time.Time, error) {
	text := params.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	ago, err := pipeline.ParseDuration(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s=%q is neither a time such as 2026-07-01T03:00:00Z nor how long ago, such as 2h or 7d", name, text)
	}
	return now.Add(-ago), nil
}
