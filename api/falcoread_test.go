package api

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline/alertjson"
)

// What is read without encoding/json is what that reads.
func FuzzFalcoRead(f *testing.F) {
	for _, s := range []string{
		`{"uuid":"u","time":"2026-11-23T10:02:03.1Z","rule":"r","priority":"Warning","source":"syscall","hostname":"h","output":"o","message":"m","tags":["a"],"output_fields":{"a":null,"b":1,"c":"<NA>","d":true}}`,
		`{"rule":"\u00e9"} `, `{"RULE":"x"}`, `{"rule":"a","rule":"b"}`, `{"more":1}`, `{"output_fields":{"a":{}}}`, `{"tags":null}`, `{"time":"x"}`, `{}}`, ``,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var fast, slow falcoEvent
		if !fast.readPlain(body) {
			return
		}
		if err := json.Unmarshal([]byte(body), &slow); err != nil {
			t.Fatalf("readPlain(%q) succeeded, encoding/json: %v", body, err)
		}
		if diff := cmp.Diff(slow, fast); diff != "" {
			t.Fatalf("readPlain(%q) (-encoding/json +readPlain):\n%s", body, diff)
		}
	})
}

// An array is cut where encoding/json cuts it.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{`[]`, `[1]`, ` [ {"a":"]"} , [ "\\" , "\"" ] ] `, `[1,]`, `["\"`, `[{]}]`, `{"a":1}`, `[1]2`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, ok := alertjson.Split([]byte(body))
		if !ok || !json.Valid([]byte(body)) || body[0] != '[' {
			return
		}
		var want []json.RawMessage
		if err := json.Unmarshal([]byte(body), &want); err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 && len(want) == 0 {
			return
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("Split(%q) (-encoding/json +Split):\n%s", body, diff)
		}
	})
}
