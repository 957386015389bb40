package syntax

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func parse(s string) (Node, error) { return Parse(NewText(s, Pos{File: "r.yaml", Line: 1, Col: 1})) }

func TestParsePrintsCanonicalText(t *testing.T) {
	for sentence, c := range map[string]struct{ in, want string }{
		"and binds tighter than or":                   {"a.b=1 or c.d=2 and e.f=3", "a.b = 1 or c.d = 2 and e.f = 3"},
		"parentheses that change the tree stay":       {"(a.b=1 or c.d=2) and e.f=3", "(a.b = 1 or c.d = 2) and e.f = 3"},
		"parentheses that do not are dropped":         {"((a.b=1)) or (c.d=2 and (e.f=3))", "a.b = 1 or c.d = 2 and e.f = 3"},
		"two nots cancel":                             {"not not a.b exists", "a.b exists"},
		"three nots are one":                          {"not not not a.b exists", "not a.b exists"},
		"not needs no blank before a parenthesis":     {"not(m and n)", "not (m and n)"},
		"or needs no blank before a parenthesis":      {"m or(n)and(o)", "m or n and o"},
		"a name that starts like a keyword is a name": {"notify and order", "notify and order"},
		"list operators need no blank":                {"a.b in(x,y)", "a.b in (x, y)"},
		"an empty list":                               {"a.b in ()", "a.b in ()"},
		"a bare name after a list operator":           {"a.b in shells", "a.b in (shells)"},
		"double equals is equals":                     {"a.b==c", "a.b = c"},
		"symbol operators need no blanks":             {"fd.typechar='f' and evt.rawres>=-1", "fd.typechar = f and evt.rawres >= -1"},
		"bare values hold brackets and stars":         {`p.n = runc:[0:PARENT] and p.a contains \`, `p.n = runc:[0:PARENT] and p.a contains \`},
		"a field with an index":                       {"proc.aname[2]=a", "proc.aname[2] = a"},
		"a field with a quoted key":                   {`proc.env["A B"]=a`, `proc.env["A B"] = a`},
		"backslash blank is a backslash":              {`p.a contains "\ "`, `p.a contains \`},
		"escapes":                                     {`p.a = "a\"b\x41\n"`, `p.a = "a\"bA\n"`},
		"the other quote needs no escape":             {`p.a = 'a"b'`, `p.a = "a\"b"`},
		"a modifier takes a list":                     {"p.n startswith anyof (a, b)", "p.n startswith anyof (a, b)"},
		"a field on the right":                        {"p.n = val(p.m)", "p.n = val(p.m)"},
		"transformers nest":                           {`len(b64(p.n)) > 3 and concat(p.a, "x", p.b[1]) = y`, `len(b64(p.n)) > 3 and concat(p.a, "x", p.b[1]) = y`},
		"a transformer on the right":                  {"p.n = tolower(p.m)", "p.n = tolower(p.m)"},
		"getopt's result has an index":                {`getopt(p.args, "ab:")[b] = x`, `getopt(p.args, "ab:")[b] = x`},
		"a list as argument":                          {`join(",", (p.a, "x")) = x`, `join(",", (p.a, "x")) = x`},
		"a value that is a modifier's name":           {`p.n = oneof`, `p.n = "oneof"`},
	} {
		t.Run(sentence, func(t *testing.T) {
			n, err := parse(c.in)
			if err != nil {
				t.Fatalf("Parse(%s): %v", c.in, err)
			}
			if got := n.String(); got != c.want {
				t.Errorf("Parse(%s) prints\n%s\nwant\n%s", c.in, got, c.want)
			}
		})
	}
}

func TestParseErrorsPointAtTheirPlace(t *testing.T) {
	for sentence, c := range map[string]struct{ in, want string }{
		"empty":                          {"", `the condition ends where a field, a macro, "not" or "(" is expected`},
		"nothing after and":              {"a.b=1 and", `1:7: unexpected "and" after a complete expression`},
		"no operator":                    {"a.b  foo", `1:6: expected an operator after a.b, found "foo"`},
		"a word operator needs a blank":  {"a.b contains(x)", `1:5: expected an operator after a.b, found "contains(x)"`},
		"a second line":                  {"a.b = 1\n  and c.d ~ 2", `2:11: expected an operator after c.d, found "~"`},
		"an open parenthesis":            {"m and (n or o", `1:13: expected a closing ")" for the "(" at 1:7`},
		"a stray parenthesis":            {"m)", `1:2: unexpected ")" after a complete expression (a ")" without its "(")`},
		"an open quote":                  {`a.b = "x\\"`, "1:7: no closing \" for this quote"},
		"an unknown escape":              {`a.b = "x\d"`, `1:9: unknown escape "\d"`},
		"the other quote's escape":       {`a.b = "x\'"`, `1:9: unknown escape "\'"`},
		"a value with an equals sign":    {"a.b = x=y", `1:8: unexpected "=y" after a complete expression`},
		"a comparison wants a number":    {"a.b > x", `1:7: expected a number, found "x"`},
		"a list with a hole":             {"a.b in (x,,y)", `1:11: expected a value, found ",y)"`},
		"an unclosed list":               {"a.b in (x", `the condition ends where "," or ")" is expected`},
		"a constant that is too long":    {"a.b = " + strings.Repeat("x", 256), "1:7: a value has at most 255 bytes, this one 256"},
		"a NUL":                          {`a.b = "\x00"`, "1:7: a value cannot hold a NUL byte"},
		"val wants a field":              {"a.b = val(3)", `1:11: expected a field, found "3)"`},
		"parentheses nested too deep":    {strings.Repeat("(", 1001) + "m" + strings.Repeat(")", 1001), "nested deeper than 1000 levels"},
		"transformers nested too deep":   {strings.Repeat("len(", 1001), "nested deeper than 1000 levels"},
		"argument lists nested too deep": {"len(" + strings.Repeat("(", 1001), "nested deeper than 1000 levels"},
		"an index without an end":        {"a.b[1 = x", `1:4: expected a closing "]" for this "["`},
	} {
		t.Run(sentence, func(t *testing.T) {
			n, err := parse(c.in)
			if err == nil {
				t.Fatalf("Parse(%s) = %s, want an error", c.in, n)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("Parse(%s)\n got %v\nwant %v", c.in, err, c.want)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	var words []string
	opts := Options{
		Alone:    func(o Operand) bool { return o.Name == "c.p" },
		BareList: func(v Value) { words = append(words, v.Text) },
	}
	for in, want := range map[string]string{
		"c.p":                                  "c.p = true",
		"not c.p and (m or c.p)or(c.p)":        "not c.p = true and (m or c.p = true) or c.p = true",
		"c.p = false and c.p exists":           "c.p = false and c.p exists",
		"c.p startswith android":               "c.p startswith android",
		"c.p and a.b in shells or a.b in (sh)": "c.p = true and a.b in (shells) or a.b in (sh)",
	} {
		n, err := ParseWith(NewText(in, Pos{Line: 1, Col: 1}), opts)
		if err != nil || n.String() != want {
			t.Errorf("ParseWith(%s) = %v, %v, want %s", in, n, err, want)
		}
	}
	if diff := cmp.Diff([]string{"shells"}, words); diff != "" {
		t.Errorf("bare words (-want +got):\n%s", diff)
	}
	if n, err := ParseWith(NewText("a.b and m", Pos{Line: 1, Col: 1}), opts); err == nil {
		t.Errorf("ParseWith of a field that cannot stand alone = %s, want an error", n)
	}
}

func TestParseOperator(t *testing.T) {
	for in, want := range map[string]string{
		"=": "= true", "==": "= true", " startswith  anyof ": "startswith anyof true", "in": "in true", "in anyof": "in anyof false",
		"> oneof": "> oneof false", "starts": " false", "= some": "= some false",
	} {
		op, m, ok := ParseOperator(in)
		got := strings.Join(strings.Fields(fmt.Sprintf("%s %s %v", op, m, ok)), " ")
		if got != strings.TrimSpace(want) {
			t.Errorf("ParseOperator(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestJoinedTextsKeepTheirPlaces(t *testing.T) {
	a := NewText("one\ntwo", Pos{File: "a", Line: 3, Col: 5}).Slice(2, 6) // "e\ntw"
	b := FixedText("xyz", Pos{File: "b", Line: 7, Col: 9}).Slice(1, 3)
	j := Join(a, b, Text{}, a.Slice(2, 4)).Slice(1, 8) // "\ntw" "yz" "tw" without the first "e"
	for i, want := range []string{"a:3:8", "a:4:1", "a:4:2", "b:7:9", "b:7:9", "a:4:1", "a:4:2", "a:4:2"} {
		if got := j.Pos(i).String(); got != want {
			t.Errorf("byte %d of %q stands at %s, want %s", i, j, got, want)
		}
	}
	if got := (Text{}).Pos(0); got != (Pos{}) {
		t.Errorf("place in an empty text = %v", got)
	}
}

func TestReplaceName(t *testing.T) {
	for sentence, c := range map[string]struct{ in, name, with, want string }{
		"between delimiters":                  {"p.n in (l, d)", "l", `"a b", c`, `p.n in ("a b", c, d)`},
		"every occurrence":                    {"p.n in (l,l)", "l", "x", "p.n in (x,x)"},
		"not inside a longer word":            {"p.n in (ll, l_)", "l", "x", "p.n in (ll, l_)"},
		"not beside a dot":                    {"l.n = l", "l", "x", "l.n = x"},
		"inside quotes too":                   {`p.n = "a l b"`, "l", "x", `p.n = "a x b"`},
		"an empty list takes the comma":       {"p.n in (a, l, b)", "l", "", "p.n in (a, b)"},
		"an empty first item takes the comma": {"p.n in (l, b)", "l", "", "p.n in ( b)"},
		"an empty list alone":                 {"p.n in (l)", "l", "", "p.n in ()"},
	} {
		t.Run(sentence, func(t *testing.T) {
			got := NewText(c.in, Pos{Line: 1, Col: 1}).ReplaceName(c.name, c.with)
			if got.String() != c.want {
				t.Errorf("ReplaceName(%q, %q) in %q = %q, want %q", c.name, c.with, c.in, got.String(), c.want)
			}
		})
	}
}

func TestReplacedTextPointsAtTheName(t *testing.T) {
	got := NewText("a.b in (list) ~", Pos{Line: 3, Col: 1}).ReplaceName("list", "x, y, z")
	if p := got.Pos(strings.Index(got.String(), "z")); p.Col != 9 {
		t.Errorf("place of a list's item = column %d, want 9, where the list's name stands", p.Col)
	}
	if p := got.Pos(strings.Index(got.String(), "~")); p.Col != 15 || p.Line != 3 {
		t.Errorf("place after a list = %v, want 3:15", p)
	}
}

// FuzzParse checks that whatever parses survives printing.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"a.b=1 or (c.d in (x, 'y z') and not m)", `p.a contains "\ " and len(b64(x.y)) >= 0x1F`,
		"not (not m)", "a.b startswith oneof (x) or a.b[k] = val(c.d)", "(m and n) and o", `join("\\ ", ()) exists`,
	} {
		f.Add(s)
	}
	f.Add("a.b and (c.d in x or not e.f)")
	anything := Options{Alone: func(Operand) bool { return true }, BareList: func(Value) {}}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseWith(NewText(s, Pos{Line: 1, Col: 1}), anything)
		if err != nil {
			if n != nil {
				t.Fatalf("Parse(%q) gave both a node and %v", s, err)
			}
			return
		}
		again, err := parse(n.String())
		if err != nil {
			t.Fatalf("%q prints as %q, which does not parse: %v", s, n, err)
		}
		if diff := cmp.Diff(n, again, cmpopts.IgnoreTypes(Pos{}), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%q prints as %q, another tree (-first +second):\n%s", s, n, diff)
		}
	})
}
