package email

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/alertjson"
)

// Kinds of attachment.
const (
	attachJSON = "json"
	attachCSV  = "csv"
)

// attach adds the alerts of a message as files, for whoever keeps records: all of them, whatever the text shows.
func attach(out *mail.Msg, kinds []string, alerts []pipeline.Alert) error {
	for _, kind := range kinds {
		encode, media := asJSON, "application/x-ndjson"
		if kind == attachCSV {
			encode, media = asCSV, "text/csv"
		}
		content, err := encode(alerts)
		if err != nil {
			return fmt.Errorf("attach the alerts as %s: %w", kind, err)
		}
		err = out.AttachReader("alerts."+kind, bytes.NewReader(content), mail.WithFileContentType(mail.ContentType(media)), mail.WithFileEncoding(mail.EncodingB64))
		if err != nil {
			return fmt.Errorf("attach the alerts as %s: %w", kind, err)
		}
	}
	return nil
}

// asJSON is a line of JSON for each alert, as `tocsin replay` and stdout write them.
func asJSON(alerts []pipeline.Alert) (b []byte, err error) {
	for i := range alerts {
		if b, err = alertjson.Append(b, &alerts[i]); err != nil {
			return nil, err
		}
		b = append(b, '\n')
	}
	return b, nil
}

// columns of the CSV: a name, and how to get it.
var columns = []struct {
	name string
	of   func(*pipeline.Alert) string
}{
	{"time", func(a *pipeline.Alert) string { return a.Time.UTC().Format(time.RFC3339Nano) }},
	{"priority", func(a *pipeline.Alert) string { return a.Priority.String() }},
	{"rule", func(a *pipeline.Alert) string { return a.Rule }},
	{"source", func(a *pipeline.Alert) string { return a.Source }},
	{"hostname", func(a *pipeline.Alert) string { return a.Hostname }},
	{"namespace", label("k8s_ns_name")}, {"pod", label("k8s_pod_name")},
	{"container", label("container_name")}, {"container_id", label("container_id")}, {"image", label("container_image")},
	{"user", annotation("user_name")}, {"process", annotation("proc_name")}, {"command", annotation("proc_cmdline")},
	{"object", label("object")},
	{"output", func(a *pipeline.Alert) string { return a.Output }},
	{"count", func(a *pipeline.Alert) string { return strconv.FormatUint(max(a.Count, 1), 10) }},
	{"first_seen", func(a *pipeline.Alert) string { return a.FirstTime().UTC().Format(time.RFC3339Nano) }},
	{"last_seen", func(a *pipeline.Alert) string { return a.LastTime().UTC().Format(time.RFC3339Nano) }},
	{"fingerprint", func(a *pipeline.Alert) string { return a.Fingerprint.String() }},
	{"uuid", func(a *pipeline.Alert) string { return a.ID }},
}

func label(name string) func(*pipeline.Alert) string {
	return func(a *pipeline.Alert) string { return a.Labels[name] }
}

func annotation(name string) func(*pipeline.Alert) string {
	return func(a *pipeline.Alert) string { return a.Annotations[name] }
}

// asCSV begins with a byte order mark, without which Excel takes Chinese for something else.
func asCSV(alerts []pipeline.Alert) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("\uFEFF")
	w := csv.NewWriter(&b)
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = c.name
	}
	if err := w.Write(row); err != nil {
		return nil, err
	}
	for i := range alerts {
		for n, c := range columns {
			row[n] = cell(c.of(&alerts[i]))
		}
		if err := w.Write(row); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// cell keeps a value from being a formula where a spreadsheet opens it: a command line may begin with =.
func cell(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
