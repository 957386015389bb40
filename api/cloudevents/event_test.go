package cloudevents

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/filter/payload"
)

// headers are those of a binary event; more come in pairs, "" takes one away.
func headers(more ...string) http.Header {
	h := http.Header{}
	for name, value := range map[string]string{
		"ce-specversion": "1.0", "ce-id": "a-1", "ce-source": "/shop/web", "ce-type": "com.example.login", "Content-Type": "application/json",
	} {
		h.Set(name, value)
	}
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] == "" {
			h.Del(more[i])
		} else {
			h.Set(more[i], more[i+1])
		}
	}
	return h
}

func kind(contentType string) http.Header { return http.Header{"Content-Type": {contentType}} }

func members(t *testing.T, e Event) map[string]any {
	t.Helper()
	decoded, err := payload.Decode(e.Body)
	if err != nil {
		t.Fatal(err)
	}
	return decoded.Members()
}

func TestRead(t *testing.T) {
	base := func(more map[string]any) map[string]any {
		all := map[string]any{"specversion": "1.0", "id": "a-1", "source": "/shop/web", "type": "com.example.login"}
		for name, value := range more {
			all[name] = value
		}
		return all
	}
	const core = `"specversion":"1.0","id":"a-1","source":"/shop/web","type":"com.example.login"`
	for name, c := range map[string]struct {
		header http.Header
		body   string
		want   []map[string]any
	}{
		"binary with JSON": {headers("ce-subject", "li", "ce-myext", "7"), `{"n":9007199254740993}`, []map[string]any{
			base(map[string]any{"datacontenttype": "application/json", "subject": "li", "myext": "7", "data": map[string]any{"n": 9007199254740993}}),
		}},
		"binary with percent signs and quotes": {headers("ce-subject", `"Euro %E2%82%AC \" %f0%9f%98%80"`), "", []map[string]any{
			base(map[string]any{"datacontenttype": "application/json", "subject": `Euro € " 😀`}),
		}},
		"binary with text":              {headers("Content-Type", "text/plain; charset=utf-8"), "hello", []map[string]any{base(map[string]any{"datacontenttype": "text/plain; charset=utf-8", "data": "hello"})}},
		"binary with bytes":             {headers("Content-Type", "application/octet-stream"), "\x00\xff", []map[string]any{base(map[string]any{"datacontenttype": "application/octet-stream", "data_base64": "AP8="})}},
		"binary of JSON without a type": {headers("Content-Type", ""), "[1]", []map[string]any{base(map[string]any{"data": []any{1}})}},
		"binary of text without a type": {headers("Content-Type", ""), "hello", []map[string]any{base(map[string]any{"data": "hello"})}},
		"structured": {kind("application/cloudevents+json; charset=utf-8"), `{` + core + `,"time":"2026-11-23T10:00:00Z","num":7,"flag":true,"gone":null,"data":{"a":1}}`, []map[string]any{
			base(map[string]any{"time": "2026-11-23T10:00:00Z", "num": 7, "flag": true, "data": map[string]any{"a": 1}}),
		}},
		"structured with JSON in base64": {kind(structured), `{` + core + `,"data_base64":"eyJhIjoxfQ=="}`, []map[string]any{base(map[string]any{"data": map[string]any{"a": 1}})}},
		"structured with bytes":          {kind(structured), `{` + core + `,"datacontenttype":"image/png","data_base64":"AP8="}`, []map[string]any{base(map[string]any{"datacontenttype": "image/png", "data_base64": "AP8="})}},
		"a batch":                        {kind(batch), `[{` + core + `},{` + core + `,"data":null}]`, []map[string]any{base(nil), base(map[string]any{"data": nil})}},
		"an empty batch":                 {kind(batch), `[]`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			events, err := Read(c.header, []byte(c.body))
			if err != nil {
				t.Fatalf("Read = %v", err)
			}
			var got []map[string]any
			for _, e := range events {
				if e.ID != "a-1" || e.Source != "/shop/web" {
					t.Errorf("the event is %q of %q", e.ID, e.Source)
				}
				got = append(got, members(t, e))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("Read (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	const core = `"specversion":"1.0","id":"1","source":"s","type":"t"`
	two := headers()
	two["Ce-Subject"] = []string{"a", "b"}
	for name, c := range map[string]struct {
		header     http.Header
		body, want string
	}{
		"no event at all":                {kind("application/json"), `{}`, "no CloudEvent"},
		"another version":                {headers("ce-specversion", "0.3"), `{}`, `specversion is "0.3"`},
		"no id":                          {headers("ce-id", ""), `{}`, "attribute id is missing"},
		"no source":                      {kind(structured), `{"specversion":"1.0","id":"1","type":"t"}`, "attribute source is missing"},
		"an empty type":                  {kind(structured), `{"specversion":"1.0","id":"1","source":"s","type":""}`, "attribute type is missing"},
		"an id that is a number":         {kind(structured), `{"specversion":"1.0","id":1,"source":"s","type":"t"}`, "attribute id is no text"},
		"data in a header":               {headers("ce-data_base64", "AP8="), `{}`, "data is the body"},
		"a time that is none":            {headers("ce-time", "noon"), `{}`, `time "noon"`},
		"a percent sign alone":           {headers("ce-subject", "100%"), `{}`, "ce-subject: a percent sign"},
		"a percent sign and no hex":      {headers("ce-subject", "%+1"), `{}`, "ce-subject: a percent sign"},
		"bytes that are no text":         {headers("ce-subject", "%ff"), `{}`, "ce-subject: it is not UTF-8"},
		"a header twice":                 {two, `{}`, "there 2 times"},
		"data as a header":               {headers("ce-data", "x"), `{}`, "data is the body"},
		"JSON that is none":              {headers(), `{`, "the data is not JSON"},
		"a name in capitals":             {kind(structured), `{` + core + `,"MyExt":"x"}`, `attribute "MyExt"`},
		"an extension with parts":        {kind(structured), `{` + core + `,"ext":{"a":1}}`, "belongs into data"},
		"data twice":                     {kind(structured), `{` + core + `,"data":1,"data_base64":"AA=="}`, "one of them is too many"},
		"base64 that is none":            {kind(structured), `{` + core + `,"data_base64":"%"}`, "not base64"},
		"a format nobody knows":          {kind("application/cloudevents+avro"), ``, "the format application/cloudevents+avro is not taken"},
		"a batch that is one event":      {kind(batch), `{` + core + `}`, "a batch is a JSON array"},
		"a batch with something else":    {kind(batch), `[{` + core + `},{}]`, "event 2: specversion"},
		"something that is not an event": {kind(structured), `[]`, "an event is a JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Read(c.header, []byte(c.body)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Read = %v, want %q", err, c.want)
			}
		})
	}
}

func TestSchema(t *testing.T) {
	if _, err := payload.NewSchema(Schema()); err != nil {
		t.Error(err)
	}
}

// Whatever comes: an error, or events with the required attributes, whose JSON says the same when it is read again.
func FuzzRead(f *testing.F) {
	f.Add(batch, "", `[{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"AA=="}]`)
	f.Add(structured, "", `{"specversion":"1.0","id":"1","source":"s","type":"t","x":1e3}`)
	f.Add("text/plain", "%E2%82%AC", "hello")
	f.Fuzz(func(t *testing.T, contentType, subject, body string) {
		events, err := Read(headers("Content-Type", contentType, "ce-subject", subject), []byte(body))
		if err != nil {
			return
		}
		for _, e := range events {
			got := members(t, e)
			if e.ID == "" || e.Source == "" || got["type"] == "" || got["specversion"] != "1.0" {
				t.Fatalf("Read(%q, %q) has %s", contentType, body, e.Body)
			}
			again, err := Read(kind(structured), e.Body)
			if err != nil {
				t.Fatalf("%s read again: %v", e.Body, err)
			}
			var first, second any
			if json.Unmarshal(e.Body, &first) != nil || json.Unmarshal(again[0].Body, &second) != nil {
				t.Fatalf("%s and %s", e.Body, again[0].Body)
			}
		}
	})
}
