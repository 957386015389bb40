package repeats

import (
	"encoding/json"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
)

const (
	// maxContent bounds what is kept of an alert for the summary, in bytes. What is larger is kept in
	// short, and what is larger even then is not: its repeats are told by the next message.
	maxContent = 16 << 10
	// maxContents bounds these in memory, where there is no journal to hold them.
	maxContents = 64 << 20
)

// shortAnnotations are those a message cannot do without.
var shortAnnotations = []string{"summary", "description", "description_zh", "runbook_url"}

// content is what is kept of an alert, in b if there is room; nil when it is too large.
func content(b []byte, a *pipeline.Alert) []byte {
	b, err := alertjson.Append(b[:0], a)
	if err != nil {
		return nil
	}
	if len(b) <= maxContent {
		return b
	}
	short := *a
	short.OutputFields, short.Annotations = pipeline.Fields{}, map[string]string{}
	for _, name := range shortAnnotations {
		if v := a.Annotations[name]; v != "" {
			short.Annotations[name] = v
		}
	}
	if b, err = alertjson.Append(nil, &short); err != nil || len(b) > maxContent {
		return nil
	}
	return b
}

// ending makes an Ending of what is kept; it reports false when that cannot be read.
func ending(r pipeline.Repeats, open int64, kept []byte) (pipeline.Ending, bool) {
	e := pipeline.Ending{Repeats: r, Opened: timeOf(open)}
	if len(kept) == 0 || json.Unmarshal(kept, &e.Alert) != nil {
		return e, false
	}
	return e, true
}
