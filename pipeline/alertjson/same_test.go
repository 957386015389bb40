package alertjson

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// plainAlert is one as Falco posts it.
func plainAlert() pipeline.Alert {
	return pipeline.Alert{
		ID: "1", Time: time.Date(2026, 11, 23, 10, 2, 3, 123456789, time.UTC), Rule: "r", Source: "syscall", Hostname: "h", Output: "终端 <a>",
		Tags: []string{"t"}, Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"c": "d"},
		OutputFields: pipeline.Fields{"s": "t", "n": json.Number("-17"), "b": true, "nil": nil},
	}
}

// Whatever is changed about an alert: if it is said to read the same, it does, down to what is nil.
func TestReadTheSame(t *testing.T) {
	if !ReadTheSame([]pipeline.Alert{plainAlert()}) {
		t.Fatal("an alert as Falco posts it is said to change")
	}
	check := func(name string, a pipeline.Alert) {
		t.Helper()
		if !ReadTheSame([]pipeline.Alert{a}) {
			return
		}
		body, err := AppendAll(nil, []pipeline.Alert{a})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if got, err := ReadAll(body); err != nil || !reflect.DeepEqual(got, []pipeline.Alert{a}) {
			t.Errorf("%s: %+v is said to read the same, and reads %+v, %v", name, a, got, err)
		}
	}
	all := full()
	for i := range reflect.TypeFor[pipeline.Alert]().NumField() {
		name := reflect.TypeFor[pipeline.Alert]().Field(i).Name
		of := func(a *pipeline.Alert) reflect.Value { return reflect.ValueOf(a).Elem().Field(i) }
		a := plainAlert()
		of(&a).Set(of(&all))
		check(name, a)
		of(&a).SetZero()
		check("no "+name, a)
		switch f := of(&a); f.Kind() {
		case reflect.String:
			f.SetString("\xff")
		case reflect.Map:
			f.Set(reflect.MakeMap(f.Type()))
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 0, 0))
		case reflect.Uint8, reflect.Uint64:
			f.SetUint(200)
		}
		check("odd "+name, a)
	}
	for name, change := range map[string]func(a *pipeline.Alert){
		"this process's time":  func(a *pipeline.Alert) { a.Time = time.Now() },
		"a time elsewhere":     func(a *pipeline.Alert) { a.LastSeen = a.Time.In(time.FixedZone("", 8*3600)) },
		"a sensor's number":    func(a *pipeline.Alert) { a.OutputFields["n"] = int64(3) },
		"a fraction":           func(a *pipeline.Alert) { a.OutputFields["n"] = json.Number("1.50") },
		"no number":            func(a *pipeline.Alert) { a.OutputFields["n"] = json.Number("x") },
		"a field not UTF-8":    func(a *pipeline.Alert) { a.OutputFields["s"] = "\xff" },
		"a field's name":       func(a *pipeline.Alert) { a.OutputFields["\xff"] = nil },
		"a tag":                func(a *pipeline.Alert) { a.Tags = []string{"\xff"} },
		"a label":              func(a *pipeline.Alert) { a.Labels["a"] = "\xff" },
		"an annotation's name": func(a *pipeline.Alert) { a.Annotations["\xff"] = "" },
	} {
		a := plainAlert()
		change(&a)
		check(name, a)
	}
}
