package alertjson

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
)

// fill sets every field of v, and what it points to, to something that is not zero.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1_700_000_000, int64(*n)).UTC()))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), n)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(value, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Interface:
		v.Set(reflect.ValueOf("<text> \"上海\"\u2028\x01"))
	case reflect.String:
		v.SetString("text-" + strings.Repeat("x", *n%5))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8: // a priority, or a kind of a closed set
		v.SetUint(1)
	case reflect.Int, reflect.Int64, reflect.Int32:
		v.SetInt(int64(*n))
	case reflect.Uint, reflect.Uint64, reflect.Uint32, reflect.Uint16:
		v.SetUint(uint64(*n))
	case reflect.Float64:
		v.SetFloat(float64(*n) + 0.5)
	}
}

func full() pipeline.Alert {
	var a pipeline.Alert
	n := 0
	fill(reflect.ValueOf(&a).Elem(), &n)
	a.OutputFields = pipeline.Fields{
		"s": "a\\b\n\t\b\f\r\x7f", "bad": "\xff\xc0", "n": nil, "t": true, "f": false, "i": int64(-3), "u": uint64(1 << 63), "e": json.Number("1e3"),
		"num": json.Number("-17"), "float": 1.5, "int": 7,
	}
	return a
}

// Every field there is goes there and back, and what is written is what encoding/json writes.
func TestEveryField(t *testing.T) {
	for name, a := range map[string]pipeline.Alert{"all fields": full(), "no field": {}, "empty ones": {
		Tags: []string{}, OutputFields: pipeline.Fields{}, Labels: map[string]string{}, Annotations: map[string]string{}, Findings: []pipeline.Findings{},
	}} {
		want, err := marshal(&a)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Append(nil, &a)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-encoding/json +Append):\n%s", name, diff)
		}
	}
	a := full()
	body, err := appendAll(a, a)
	if err != nil {
		t.Fatal(err)
	}
	fast, err := readAll(string(body))
	if err != nil {
		t.Fatalf("an alert with every field is left to encoding/json: %v", err)
	}
	var want []pipeline.Alert
	if err := json.Unmarshal(body, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, fast); diff != "" {
		t.Errorf("(-encoding/json +ReadAll):\n%s", diff)
	}
}

func TestNotification(t *testing.T) {
	var n pipeline.Notification
	count := 0
	fill(reflect.ValueOf(&n).Elem(), &count)
	n.GroupLabels = map[string]string{"alerts": `"alerts":null`}
	for name, alerts := range map[string][]pipeline.Alert{"two": {full(), {}}, "none": {}, "nil": nil} {
		n.Alerts = alerts
		want, err := marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := AppendNotification(nil, n)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-encoding/json +AppendNotification):\n%s", name, diff)
		}
		var slow pipeline.Notification
		if err := json.Unmarshal(got, &slow); err != nil {
			t.Fatal(err)
		}
		fast, err := readNotification(string(got))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(slow, fast); diff != "" {
			t.Errorf("%s (-encoding/json +ReadNotification):\n%s", name, diff)
		}
	}
}

// appendAll are alerts as one row.
func appendAll(alerts ...pipeline.Alert) ([]byte, error) {
	b, _, err := AppendRows(nil, alerts, math.MaxInt)
	return b, err
}

// marshal is encoding/json's without escapes for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// What this package reads, encoding/json reads too, and the same.
func FuzzRead(f *testing.F) {
	a := full()
	whole, err := appendAll(a, pipeline.Alert{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(whole))
	for _, s := range []string{
		`[]`, ` [ { "uuid" : "a" , "count" : 1 } ] `, `[{"uuid":null}]`, `[{"UUID":"a"}]`, `[{"labels":{"a":"1"},"labels":{"b":"2"}}]`,
		`[{"output":"\ud800"}]`, `[{"output":"\u00e9\n"}]`, `[{"count":01}]`, `[{"count":-1}]`, `[{"output_fields":{"a":1.5e3,"b":[1],"c":tru}}]`,
		`[{"priority":"info"}]`, `[{"time":"2026-01-01T00:00:00Z"},]`, `[{"tags":["a",1]}]`, `[{"window":{"count":}}]`, `[{}]x`, `[{"output":"\`, `[{"place":{]}]`,
		`[{"fingerprint":"00zz"}]`, `null`, `[{"tags":null,"labels":null,"output_fields":null,"annotations":nul}]`, `[{"labels":nullx}]`, `[{"tags":null,"labels":null}]`, "[{\"output\":\"\xff\"}]", `[{"lossy":truee}]`, `[{"a`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		fast, err := readAll(s)
		if err != nil {
			return // encoding/json decides
		}
		var slow []pipeline.Alert
		if err := json.Unmarshal([]byte(s), &slow); err != nil {
			t.Fatalf("readAll(%q) succeeded, encoding/json: %v", s, err)
		}
		if diff := cmp.Diff(slow, fast); diff != "" {
			t.Fatalf("readAll(%q) (-encoding/json +readAll):\n%s", s, diff)
		}
	})
}

// What is written is what encoding/json writes, whatever the strings hold.
func FuzzAppend(f *testing.F) {
	f.Add("plain", "<a&b>\"\\", "\u2028\xff\x00上海", "-12")
	f.Fuzz(func(t *testing.T, a, b, c, number string) {
		alert := pipeline.Alert{ID: a, Output: b, Tags: []string{c}, Labels: map[string]string{a: b, b: c}, OutputFields: pipeline.Fields{a: b, c: json.Number(number)}}
		want, wantErr := marshal(&alert)
		pairs, err := marshal(alert.Labels)
		if got := AppendPairs(nil, alert.Labels); err != nil || string(pairs) != string(got) {
			t.Fatalf("AppendPairs = %s\nencoding/json = %s, %v", got, pairs, err)
		}
		got, err := Append(nil, &alert)
		if (err == nil) != (wantErr == nil) || err == nil && string(want) != string(got) {
			t.Fatalf("Append = %s, %v\nencoding/json = %s, %v", got, err, want, wantErr)
		}
	})
}

func BenchmarkAlert(b *testing.B) {
	a := pipeline.Alert{
		ID: "0197290e-8000-7000-8000-000000000000", Time: time.Now().UTC(), Rule: "Read sensitive file untrusted", Priority: pipeline.Warning,
		Output:       "Sensitive file opened for reading by non-trusted program (file=/etc/shadow gparent=systemd ggparent=<NA> process=cat)",
		Tags:         []string{"T1555", "container", "filesystem", "host"},
		OutputFields: pipeline.Fields{}, Labels: map[string]string{}, Annotations: map[string]string{},
	}
	for _, name := range []string{"container.id", "container.name", "evt.type", "fd.name", "proc.cmdline", "proc.exepath", "proc.name", "user.name", "user.uid", "proc.tty"} {
		a.OutputFields[name], a.Labels[name], a.Annotations[name] = "a value", "a value", "a value"
	}
	body, err := appendAll(a)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		var buf []byte
		for b.Loop() {
			buf, _ = Append(buf[:0], &a)
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := readAll(string(body)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/json append", func(b *testing.B) {
		for b.Loop() {
			_, _ = json.Marshal(&a)
		}
	})
	b.Run("encoding/json read", func(b *testing.B) {
		for b.Loop() {
			var all []pipeline.Alert
			_ = json.Unmarshal(body, &all)
		}
	})
}
