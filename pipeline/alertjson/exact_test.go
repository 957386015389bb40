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
func TestAppendExact(t *testing.T) {
	plain := plainAlert()
	if _, exact, err := AppendExact(nil, &plain); !exact || err != nil {
		t.Fatal("an alert as Falco posts it is said to change")
	}
	check := func(name string, a pipeline.Alert) {
		t.Helper()
		if _, exact, _ := AppendExact(nil, &a); !exact {
			return
		}
		body, err := appendAll(a)
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

// A notification that need not be read is what reading it gives, whatever is changed about it.
func TestAsRead(t *testing.T) {
	plain := func() pipeline.Notification {
		return pipeline.Notification{
			ID: "1", Receiver: "ops", Integration: "ops.webhook-1", GroupKey: "{}", GroupLabels: map[string]string{"a": "b"}, Reason: "first notification",
			Alerts: []pipeline.Alert{plainAlert()}, CreatedAt: time.Now().UTC(),
		}
	}
	if _, exact, err := AppendNotification(nil, plain()); !exact || err != nil {
		t.Fatal("a notification as the groups make it is said to change")
	}
	check := func(name string, n pipeline.Notification) {
		t.Helper()
		body, exact, err := AppendNotification(nil, n)
		if !exact {
			return
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		got := AsRead(n)
		if want, err := ReadNotification(body); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v is said to read %+v, and reads %+v, %v", name, n, got, want, err)
		}
	}
	other := pipeline.Notification{
		RouteLabels: map[string]string{"escalation": "e"}, Held: []pipeline.Held{{Why: "silence"}}, Again: true, Via: "ops: down", Attempt: 3,
		CreatedAt: time.Now().In(time.FixedZone("", 8*3600)),
	}
	for i := range reflect.TypeFor[pipeline.Notification]().NumField() {
		name := reflect.TypeFor[pipeline.Notification]().Field(i).Name
		of := func(n *pipeline.Notification) reflect.Value { return reflect.ValueOf(n).Elem().Field(i) }
		n := plain()
		of(&n).Set(of(&other))
		check(name, n)
		of(&n).SetZero()
		check("no "+name, n)
		switch f := of(&n); f.Kind() {
		case reflect.String:
			f.SetString("\xff")
		case reflect.Map:
			f.Set(reflect.MakeMap(f.Type()))
			check("empty "+name, n)
			f.SetMapIndex(reflect.ValueOf("\xff"), reflect.ValueOf(""))
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 0, 0))
		}
		check("odd "+name, n)
	}
	n := plain()
	n.Alerts[0].OutputFields["n"] = 3
	check("a sensor's number", n)
}
