package history

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/matcher"
)

// Bounds of a search. It goes through occurrences from the latest on, since an index of all words would cost more at
// each alert than a search costs; a page looks at so many at most, and says where to go on.
const (
	defaultLimit = 100
	maxLimit     = 1000
	maxLooked    = 100_000
)

// scan is what an engine narrows occurrences down by: by the times; it may by the rest.
type scan struct {
	from, to int64 // ns: not before from, before to; 0: no bound
	before   place // only behind this one; zero: all
	rule     string
	priority pipeline.Priority // no less severe
	batch    int               // about so many are wanted
}

// place is where an occurrence is in the order of history: the latest first, of one time the last that came.
type place struct {
	at int64
	id int64
}

// found is an occurrence as an engine has it.
type found struct {
	place
	kind string
	body []byte // JSON of the alert, or nothing where the scan says that it is not wanted; the caller's until it returns
}

// Search returns occurrences, the latest first.
func (h *History) Search(ctx context.Context, q pipeline.HistoryQuery) (pipeline.HistoryPage, error) {
	var page pipeline.HistoryPage
	if h.engine == nil {
		return page, ErrOff
	}
	wanted, err := newWanted(q)
	if err != nil {
		return page, err
	}
	h.catchUp(ctx)
	var failed error
	var last place
	more := false
	err = h.engine.scan(ctx, wanted.scan, func(f found) bool {
		if len(page.Occurrences) == wanted.limit || page.Looked == maxLooked {
			more = true
			return false
		}
		page.Looked++
		last = f.place
		var alert pipeline.Alert
		var ok bool
		if alert, ok, failed = wanted.read(f); ok {
			page.Occurrences = append(page.Occurrences, pipeline.Occurrence{At: instant(f.at), Kind: f.kind, Alert: alert})
		}
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	if more {
		page.Next = last.cursor()
	}
	return page, err
}

// wanted is a query, ready to be asked.
type wanted struct {
	scan
	q     pipeline.HistoryQuery
	match func(map[string]string) bool
	text  []byte // in lower case
	plain []byte // the same as JSON has it, if it is the same there; else nil
	limit int
}

func newWanted(q pipeline.HistoryQuery) (*wanted, error) {
	ms, err := matcher.Compile(q.Matchers)
	if err != nil {
		return nil, err
	}
	w := &wanted{q: q, text: bytes.ToLower([]byte(q.Text)), limit: q.Limit}
	w.match = func(labels map[string]string) bool { return matcher.Match(ms, labels) }
	if w.limit <= 0 {
		w.limit = defaultLimit
	}
	w.limit = min(w.limit, maxLimit)
	w.scan = scan{from: nanos(q.From), to: nanos(q.To), rule: q.Rule, priority: pipeline.Debug, batch: w.limit + 1}
	if q.Priority != nil {
		w.priority = *q.Priority
	}
	if q.Cursor != "" {
		if w.before, err = readCursor(q.Cursor); err != nil {
			return nil, err
		}
	}
	if quoted, err := json.Marshal(q.Text); err == nil && string(quoted[1:len(quoted)-1]) == q.Text {
		w.plain = w.text
	}
	return w, nil
}

// read decodes an occurrence, if it is wanted. What cannot be it is not decoded, as far as its bytes tell.
func (w *wanted) read(f found) (a pipeline.Alert, ok bool, err error) {
	if len(f.body) == 0 || w.q.Kind != "" && w.q.Kind != f.kind {
		return a, false, nil
	}
	if len(w.plain) > 0 && !bytes.Contains(bytes.ToLower(f.body), w.plain) {
		return a, false, nil
	}
	if w.q.Fingerprint != nil && !bytes.Contains(f.body, []byte(w.q.Fingerprint.String())) {
		return a, false, nil
	}
	if a, err = readAlert(f.body); err != nil {
		return a, false, err
	}
	switch {
	case w.q.Fingerprint != nil && a.Fingerprint != *w.q.Fingerprint,
		w.rule != "" && a.Rule != w.rule,
		a.Priority > w.priority,
		!w.match(a.Labels),
		len(w.text) > 0 && !w.says(&a):
		return a, false, nil
	}
	return a, true, nil
}

// says reports whether the text is in what people read of an alert.
func (w *wanted) says(a *pipeline.Alert) bool {
	in := func(s string) bool { return strings.Contains(strings.ToLower(s), string(w.text)) }
	if in(a.Output) || in(a.Rule) {
		return true
	}
	for _, value := range a.Labels {
		if in(value) {
			return true
		}
	}
	return false
}

func (p place) cursor() string {
	return strconv.FormatInt(p.at, 36) + "." + strconv.FormatInt(p.id, 36)
}

func readCursor(s string) (p place, err error) {
	at, id, ok := strings.Cut(s, ".")
	var err1, err2 error
	p.at, err1 = strconv.ParseInt(at, 36, 64)
	p.id, err2 = strconv.ParseInt(id, 36, 64)
	if !ok || err1 != nil || err2 != nil {
		return p, pipeline.ErrCursor
	}
	return p, nil
}
