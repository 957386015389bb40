package payload

import (
	"errors"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

func text(s string) syntax.Text {
	return syntax.NewText(s, syntax.Pos{File: "r.yaml", Line: 3, Col: 14})
}

func compile(tb testing.TB, condition string, schema *Schema) *Condition {
	tb.Helper()
	c, err := Compile(text(condition), schema)
	if err != nil {
		tb.Fatalf("Compile(%s): %v", condition, err)
	}
	return c
}

func decode(tb testing.TB, body string) Event {
	tb.Helper()
	e, err := Decode([]byte(body))
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

const login = `{"type":"login","ok":false,"country":"CN","user":{"name":"li","age":20,"big":9007199254740993,"huge":18446744073709551616},
"metadata":{"priority":"high","a.b":1,"none":null},"tags":["a","b"],"ports":[22,80.5],"nested":[{"x":1},{"x":2},{}],"ratio":0.5,"empty":""}`

func TestConditions(t *testing.T) {
	e := decode(t, login)
	for condition, want := range map[string]bool{
		`event.type == "login" && event.country in ["US", "CA"]`:   false,
		`event.type == "login" && event.country in ["US", "CN"]`:   true,
		`event.user.age > 18 && event.metadata.priority == "high"`: true,
		`event.type == "login" and not (event.ok == true)`:         true,
		`event.ok == false`:                                        true,
		`!event.ok`:                                                true,
		`event.ok || event.type == 'login'`:                        true,
		`event.metadata["a.b"] == 1`:                               true,
		`event?.user?.name == "li"`:                                true,
		`event.user.age >= 20 && event.user.age <= 20`:             true,
		`event.user.age in 18..25`:                                 true,
		`event.user.age not in [18, 19]`:                           true,
		`event.user.age + 1 == 21 && event.user.age * 2 - 1 == 39`: true,
		`event.user.age / 8 == 2.5 && event.user.age % 3 == 2`:     true,
		`-event.user.age == -20`:                                   true,
		`event.user.age == 20.0`:                                   true,
		`event.user.age < 20.5 && event.user.age != 20.5 && 20.5 > event.user.age && -event.user.age > -20.5`: true,
		`event.ratio < 1`: true,
		`event.tags[0] == "a" && event.tags[-1] == "b"`:                   true,
		`"a" in event.tags && "c" not in event.tags`:                      true,
		`event.tags == ["a", "b"]`:                                        true,
		`"age" in event.user`:                                             true,
		`event.country matches "^C[A-Z]$"`:                                true,
		`event.type contains "og" && event.type startsWith "lo"`:          true,
		`event.type endsWith "in" && event.type < "m"`:                    true,
		`any(event.nested, .x == 2)`:                                      true,
		`all(event.nested, .x > 0)`:                                       false,
		`count(event.nested, .x > 0) == 2`:                                true,
		`len(filter(event.ports, # > 22)) == 1`:                           true,
		`map(event.tags, upper(#)) == ["A", "B"]`:                         true,
		`find(event.nested, .x == 2).x == 2`:                              true,
		`lower(event.country) == "cn" && len(event.tags) == 2`:            true,
		`(event.nope ?? "d") == "d"`:                                      true,
		`event.ok ? false : true`:                                         true,
		`let u = event.user; u.age > 18 && u.name == "li"`:                true,
		`event.type[0:3] == "log"`:                                        true,
		`int("12") == 12 && string(event.user.age) == "20"`:               true,
		`split("a,b", ",")[1] == "b" && trim(" a ") == "a"`:               true,
		`keys(event.metadata) == ["a.b", "none", "priority"]`:             true,
		`event.empty == "" && event.empty != nil`:                         true,
		`"é" == "é" && event.type == "login"`:                             true,
		`event.user.big == 9007199254740993`:                              true,
		`event.user.big == 9007199254740992`:                              false,
		`event.user.big > 9007199254740992.0`:                             true,
		`event.user.huge > 9223372036854775807`:                           true,
		`event.user.age > 18 && event.user.age > 18 && event.nope == nil`: true,
		`[event.type, 1] == ["login", 1]`:                                 true,
		`event.type in [event.type]`:                                      true,
		`9223372036854775807 + 1 > 0 && -1 * 9223372036854775807 - 1 < 0`: true,
	} {
		got, err := compile(t, condition, nil).Match(e)
		if err != nil || got != want {
			t.Errorf("%s = %v, %v; want %v", condition, got, err, want)
		}
	}
}

// What is missing, null or of another type never makes a comparison hold, and is no error; "not" turns
// that round, as in rules for the kernel.
func TestNullNeverMatches(t *testing.T) {
	e := decode(t, login)
	for condition, want := range map[string]bool{
		`event.nope == "x"`:                                  false,
		`event.nope != "x"`:                                  false,
		`event.nope == event.neither`:                        false,
		`not (event.nope == "x")`:                            true,
		`event.nope in ["x"]`:                                false,
		`event.nope not in ["x"]`:                            true,
		`event.nope.deeper.still > 18`:                       false,
		`event.nope.age > 18 || event.ok == false`:           true,
		`event.nope < 1 || event.nope >= 1`:                  false,
		`event.nope contains ""`:                             false,
		`event.nope startsWith "" || event.nope endsWith ""`: false,
		`event.nope matches ".*"`:                            false,
		`event.nope`:                                         false,
		`!event.nope`:                                        true,
		`event.nope && true`:                                 false,
		`event.nope + 1 > 0`:                                 false,
		`-event.nope < 1`:                                    false,
		`len(event.nope) >= 0`:                               false,
		`upper(event.nope) == ""`:                            false,
		`any(event.nope, true)`:                              false,
		`all(event.nope, false)`:                             true,
		`"x" in event.nope`:                                  false,
		`event.nope[0] == 1 || event.tags[7] == "a"`:         false,
		`event.nope == nil && event.metadata.none == nil`:    true,
		`event.user != nil && nil != event.type`:             true,
		`event.type > 3`:                                     false,
		`event.type == 3`:                                    false,
		`event.type != 3`:                                    true,
		`event.user.age > "3"`:                               false,
		`event.user.age contains "2"`:                        false,
		`event.type.name == "x"`:                             false,
		`event.type && true`:                                 false,
		`any(event.type, true)`:                              false,
		`event.user.age matches "20"`:                        false,
		`event.user.age / 0 > 1`:                             false,
		`event.user.age % 0 == 0`:                            false,
		`int("x") == 0`:                                      false,
		`event.nope ? true : false`:                          false,
	} {
		got, err := compile(t, condition, nil).Match(e)
		if err != nil || got != want {
			t.Errorf("%s = %v, %v; want %v", condition, got, err, want)
		}
	}
}

func schema(tb testing.TB) *Schema {
	tb.Helper()
	s, err := NewSchema(map[string]any{
		"type": "string", "ok": "bool", "user": map[string]any{"name": "string", "age": "int"},
		"tags": []any{"string"}, "free": map[string]any{"*": "any"}, "whatever": "any",
	})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestErrorsHavePlaceAndHint(t *testing.T) {
	for sentence, c := range map[string]struct{ condition, want string }{
		"a member the schema lacks":        {`event.ok && event.typo == "x"`, `r.yaml:3:32: the schema has no member "typo" here (did you mean "type"?)`},
		"one further down":                 {`event.user.agee > 18`, `r.yaml:3:25: the schema has no member "agee" here (did you mean "age"?)`},
		"text before it that is not ASCII": {`"é" == event.typ`, `r.yaml:3:28: the schema has no member "typ" here`},
		"types that differ":                {`event.user.age > "18"`, `r.yaml:3:29: invalid operation: > (mismatched types int and string)`},
		"types that differ in a list":      {`event.type in [1, 2]`, `r.yaml:3:25: cannot use string as type int in array`},
		"an element of another type":       {`event.tags[0] == 1`, `mismatched types string and int`},
		"one equals sign":                  {`event.type = "x"`, `r.yaml:3:25: unexpected token Operator("=") (a comparison is ==)`},
		"a list in parentheses":            {`event.type in ("a", "b")`, `(a list is written ["a", "b"])`},
		"a field of the kernel":            {`proc.name == "x"`, `r.yaml:3:14: unknown name proc (the payload is event: event.proc? Text is written in quotes)`},
		"text without quotes":              {`event.type == login`, `r.yaml:3:28: unknown name login (the payload is event`},
		"an operator of kernel rules":      {`event.type exists`, `(what exists is != nil)`},
		"a condition that is text":         {`event.type`, `r.yaml:3:14: a condition is true or false, not of type string`},
		"a function that is not there":     {`loer(event.type) == "x"`, `r.yaml:3:14: unknown name loer (did you mean "lower"?)`},
		"a clock":                          {`string(now()) == "x"`, `r.yaml:3:21: there is no function now here`},
		"a function kept out":              {`sum([1]) == 1`, `there is no function sum here`},
		"a call of a member":               {`event.whatever()`, `r.yaml:3:20: members of an event cannot be called`},
		"the environment":                  {`$env.event.type == "x"`, `r.yaml:3:14: unknown name $env`},
		"our own functions":                {`$eq(1, 1)`, `unknown name $eq`},
		"a pattern out of the event":       {`event.type matches event.user.name`, `the pattern of matches must be written in the rule`},
		"a pattern that is none":           {`event.type matches "["`, `r.yaml:3:25: error parsing regexp`},
		"two expressions":                  {`event.ok; event.ok`, `a condition is one expression`},
		"nothing after an operator":        {`event.type ==`, `unexpected token EOF`},
		"a quote that does not end":        {`event.type == "x`, `literal not terminated`},
	} {
		t.Run(sentence, func(t *testing.T) {
			_, err := Compile(text(c.condition), schema(t))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Compile(%s): %v\nwant %s", c.condition, err, c.want)
			}
		})
	}
}

func TestSchemaAllowsWhatItNames(t *testing.T) {
	for _, condition := range []string{
		`event.type == nil`, `event.user == nil || event.user.age == 18.5`, `event.free.anything.at.all == 1`,
		`event.whatever > 1 || event.whatever == "x"`, `any(event.tags, # == "x")`, `event.tags[0] startsWith "x"`,
		`(event.type ?? "x") == "y"`, `event["type"] == "x"`,
	} {
		compile(t, condition, schema(t))
	}
}

func TestSchemaErrors(t *testing.T) {
	for want, members := range map[string]map[string]any{
		`user.age: unknown type "itn": did you mean "int"?`: {"user": map[string]any{"age": "itn"}},
		`tags: a list has one entry`:                        {"tags": []any{"string", "int"}},
		`x: unknown type "3"`:                               {"x": 3},
	} {
		if _, err := NewSchema(members); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("NewSchema(%v): %v, want %s", members, err, want)
		}
	}
}

func TestEvaluationIsBounded(t *testing.T) {
	list := `{"list":[` + strings.Repeat("1,", 5000) + `1],"text":"` + strings.Repeat("a", 1<<20) + `"}`
	e := decode(t, list)
	for _, condition := range []string{
		`all(event.list, all(event.list, true))`,
		`all(event.list, any(event.list, # == 2) == false)`,
		`all(event.list, event.text contains "b" || true)`,
		`len(map(event.list, map(event.list, #))) > 0`,
		`all(event.list, 2 not in event.list)`,
		`all(event.list, len(split(event.text, "")) > 1)`,
		`all(event.list, event.list == event.list)`,
		`all(1..9999, all(1..9999, true))`,
	} {
		c := compile(t, condition, nil)
		if _, err := c.Match(e); !errors.Is(err, ErrTooLong) {
			t.Errorf("%s: %v, want ErrTooLong", condition, err)
		}
		if _, err := c.Match(decode(t, `{"list":[1]}`)); err != nil && !strings.Contains(condition, "9999") {
			t.Errorf("%s on a small event after that: %v", condition, err)
		}
	}
}

// A walk over half a MiB of list, which is what the bus takes, has an answer.
func TestWalkOverTheLongestList(t *testing.T) {
	e := decode(t, `{"list":[`+strings.Repeat("1,", 1<<18)+`2]}`)
	c := compile(t, `any(event.list, # == 2 || # == 3 || # == 4)`, nil)
	if ok, err := c.Match(e); !ok || err != nil {
		t.Errorf("Match = %v, %v; want the last element found", ok, err)
	}
}

func TestRequires(t *testing.T) {
	for condition, want := range map[string]string{
		`event.type == "login" && event.ok == false`:        "type=login",
		`event.ok == false and ("login" == event.type)`:     "type=login",
		`event.type == "a" || event.type == "b"`:            "=",
		`not (event.type == "a")`:                           "=",
		`event.user.name == "a" && event["kind"] == "b"`:    "kind=b",
		`event.type == ""`:                                  "=",
		`event.type != "a"`:                                 "=",
		`(event.type == "a" || event.ok) && event.x == "y"`: "x=y",
	} {
		member, value := compile(t, condition, nil).Requires()
		if got := member + "=" + value; got != want {
			t.Errorf("Requires of %s = %s, want %s", condition, got, want)
		}
	}
}
