package history

import (
	"fmt"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
)

// knownOf reads an account and its alert.
func knownOf(encoded, body []byte) (*pipeline.Known, error) {
	s, err := decodeState(encoded)
	if err != nil {
		return nil, err
	}
	a, err := readAlert(body)
	if err != nil {
		return nil, err
	}
	k := s.known(a)
	return &k, nil
}

func encodeAlert(a *pipeline.Alert) ([]byte, error) {
	body, err := alertjson.Append(nil, a)
	if err != nil {
		return nil, fmt.Errorf("encode alert %s of rule %q: %w", a.ID, a.Rule, err)
	}
	return body, nil
}

// appendStep appends a step as JSON.
func appendStep(b []byte, s *pipeline.Step) ([]byte, error) {
	w := alertjson.Begin(b)
	w.Time("at", s.At)
	w.Fingerprint("fingerprint", s.Fingerprint)
	w.Text("stage", s.Stage)
	w.Text("verdict", s.Verdict)
	w.SomeText("detail", s.Detail)
	w.SomeText("receiver", s.Receiver)
	w.SomeText("integration", s.Integration)
	w.SomeText("group_key", s.GroupKey)
	w.SomeText("notification", s.Notification)
	w.SomeUint("attempt", uint64(s.Attempt))
	return w.End()
}

func readAlert(body []byte) (pipeline.Alert, error) {
	a, err := alertjson.Read(body)
	if err != nil {
		return a, fmt.Errorf("read an alert of the history: %w", err)
	}
	return a, nil
}
