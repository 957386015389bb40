package payload

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOutputs(t *testing.T) {
	e := decode(t, login)
	for output, want := range map[string]string{
		`login of %event.user.name.`:                     "login of li.",
		`%event.metadata["a.b"] %event.metadata['a.b']`:  "1 1",
		`%event.tags[1] %event.tags[-2] %event.tags[9]`:  "b a <NA>",
		`%event.nope %event.metadata.none %event.type.x`: "<NA> <NA> <NA>",
		`%event.user.big %event.user.huge %event.ratio`:  "9007199254740993 18446744073709551616 0.5",
		`%event.tags %event.nested[0] (%event.ok)`:       `["a","b"] {"x":1} (false)`,
		`%event.user.name, %event.user.name`:             "li, li",
		"nothing":                                        "nothing",
	} {
		o, err := ParseOutput(text(output), nil)
		if err != nil {
			t.Errorf("ParseOutput(%s): %v", output, err)
			continue
		}
		if got := o.Text(e); got != want {
			t.Errorf("%s = %s, want %s", output, got, want)
		}
	}
}

func TestOutputErrors(t *testing.T) {
	for output, want := range map[string]string{
		`a %event.user.nmae`:  `r.yaml:3:27: the schema has no member "nmae" here (did you mean "name"?)`,
		`a %user.name`:        `r.yaml:3:17: no member of the event: "user" (members of the payload are event.…, for example event.user)`,
		`100%`:                `r.yaml:3:17: no member after %`,
		`a %event.tags[x]`:    `r.yaml:3:27: event.tags: expected a number or a quoted name in [ ]`,
		`a %event.tags["x`:    `expected a name such as`,
		`a %event.tags.first`: `there is no member "first": this is of type list`,
		`a %event.type.x`:     `there is no member "x": this is of type string`,
		`a %event.user[0]`:    `there is no element 0: this is of type object`,
	} {
		if _, err := ParseOutput(text(output), schema(t)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseOutput(%s): %v\nwant %s", output, err, want)
		}
	}
}

func TestOutputValuesKeepTheirTypes(t *testing.T) {
	e := decode(t, login)
	o, err := ParseOutput(text(`%event.type %event.user.age %event.ok %event.tags %event.ratio %event.nope`), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []any
	for _, p := range o.Paths() {
		got = append(got, o.Value(e, p))
	}
	if diff := cmp.Diff([]any{"login", 20, false, `["a","b"]`, 0.5, nil}, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

func TestOutputIsBounded(t *testing.T) {
	e := FromMap(map[string]any{"s": strings.Repeat("影", 100_000), "l": []any{strings.Repeat("x", 100_000)}})
	o, err := ParseOutput(text(strings.Repeat("%event.s %event.l ", 100)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := o.Text(e); len(got) > MaxOutput || !strings.HasSuffix(got, "…") {
		t.Errorf("output of %d bytes, want at most %d", len(got), MaxOutput)
	}
	for _, p := range o.Paths() {
		if got := o.Value(e, p).(string); len(got) > maxValue || !strings.HasSuffix(got, "…") || strings.ContainsRune(got, '\uFFFD') {
			t.Errorf("%s has %d bytes, want at most %d", p.Text, len(got), maxValue)
		}
	}
}

func TestTimeOfAnEvent(t *testing.T) {
	arrival := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for body, want := range map[string]string{
		`{"time":"2026-11-23T09:59:58.5+08:00"}`:                  "2026-11-23T01:59:58.5Z",
		`{"timestamp":1795427998}`:                                "2026-11-23T09:59:58Z",
		`{"timestamp":1795427998.25}`:                             "2026-11-23T09:59:58.25Z",
		`{"time":1795427998123}`:                                  "2026-11-23T09:59:58.123Z",
		`{"time":1795427998123456}`:                               "2026-11-23T09:59:58.123456Z",
		`{"time":1795427998123456789}`:                            "2026-11-23T09:59:58.123456789Z",
		`{"time":"yesterday","timestamp":"2026-11-23T09:00:00Z"}`: "2026-11-23T09:00:00Z",
		`{"time":"2027-01-01T00:00:00Z"}`:                         "2026-11-23T10:00:00Z",
		`{"time":-5}`:                                             "2026-11-23T10:00:00Z",
		`{"time":1e300}`:                                          "2026-11-23T10:00:00Z",
		`{"time":{"s":1}}`:                                        "2026-11-23T10:00:00Z",
		`{}`:                                                      "2026-11-23T10:00:00Z",
	} {
		if got := decode(t, body).Time(arrival).Format(time.RFC3339Nano); got != want {
			t.Errorf("time of %s = %s, want %s", body, got, want)
		}
	}
}

func TestWhatIsNoEvent(t *testing.T) {
	for _, body := range []string{``, `[1]`, `7`, `{"a":1} {"b":2}`, `{"a":`} {
		if _, err := Decode([]byte(body)); err == nil {
			t.Errorf("Decode(%s): no error", body)
		}
	}
}

func TestNumbersOfYAML(t *testing.T) {
	e := FromMap(map[string]any{"a": uint64(1), "b": int64(-1), "c": []any{float32(0.5)}, "d": map[any]any{1: "x"}})
	if ok, err := compile(t, `event.a == 1 && event.b == -1 && event.c[0] == 0.5 && event.d["1"] == "x"`, nil).Match(e); !ok || err != nil {
		t.Errorf("match = %v, %v", ok, err)
	}
}
