package payload

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The table of what is missing, in docs/json-rules.md, is what happens.
func TestDocumentedNulls(t *testing.T) {
	page, err := os.ReadFile("../../docs/json-rules.md")
	if err != nil {
		t.Fatal(err)
	}
	head := regexp.MustCompile("(?m)^\\| condition \\| on `(.*)` \\|$").FindSubmatch(page)
	rows := regexp.MustCompile("(?m)^\\| `(.*)` \\| (true|false) \\|$").FindAllStringSubmatch(string(page), -1)
	if head == nil || len(rows) < 10 {
		t.Fatalf("docs/json-rules.md has %d rows under %s", len(rows), head)
	}
	e := decode(t, string(head[1]))
	for _, row := range rows {
		condition := strings.ReplaceAll(row[1], `\|`, "|")
		got, err := compile(t, condition, nil).Match(e)
		if err != nil || got != (row[2] == "true") {
			t.Errorf("%s = %v, %v; the page says %s", condition, got, err, row[2])
		}
	}
}

// So is its list of functions.
func TestDocumentedFunctions(t *testing.T) {
	page, err := os.ReadFile("../../docs/json-rules.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range functionNames {
		if !regexp.MustCompile("[` ]" + name + "[`( ]").Match(page) {
			t.Errorf("docs/json-rules.md does not name the function %s", name)
		}
	}
}
