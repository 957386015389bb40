package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// scalar is a single value as it is written, every byte with its place.
func (d *Document) scalar(what string, n ast.Node) (syntax.Text, error) {
	switch n := d.plain(n).(type) {
	case *ast.LiteralNode:
		start := n.GetToken().Position
		offset := d.offset(start.Line+1, 1)
		return d.align(n.Value.Value, offset), nil
	case *ast.NullNode:
		return syntax.Text{}, nil
	case *ast.AliasNode:
		return syntax.Text{}, &syntax.Error{At: d.pos(n), Msg: fmt.Sprintf("%s: there is no anchor %q", what, "&"+n.Value.GetToken().Value),
			Hint: "quote a value that starts with *"}
	case ast.ScalarNode:
		p := n.GetToken().Position
		return d.align(n.GetToken().Value, d.offset(p.Line, p.Column)), nil
	default:
		return syntax.Text{}, syntax.Errorf(d.pos(n), "%s must be a single value", what)
	}
}

func (d *Document) offset(line, col int) int {
	if line < 1 || line > len(d.lines) {
		return len(d.data)
	}
	return min(d.lines[line-1]+max(col-1, 0), len(d.data))
}

// align finds the place of every byte of value in the file from offset on. YAML folds lines, drops
// indentation and undoes escapes; what is left stands in the file in the same order. Where the two
// cannot be matched, the place is where the search stands: near, and never past the value.
func (d *Document) align(value string, offset int) syntax.Text {
	var b syntax.Builder
	line, _ := slices.BinarySearch(d.lines, offset+1)
	for i := range len(value) {
		found := offset
		if strings.IndexByte(" \t\n", value[i]) < 0 {
			for found < len(d.data) && d.data[found] != value[i] && d.skipped(found, offset) {
				found++
			}
			if found < len(d.data) && d.data[found] == value[i] {
				offset = found + 1
			} else {
				found = offset
			}
		}
		found = min(found, max(len(d.data)-1, 0))
		for line < len(d.lines) && d.lines[line] <= found {
			line++
		}
		b.Byte(value[i], syntax.Pos{File: d.Name, Line: line, Col: found - d.lines[line-1] + 1})
	}
	return b.Text()
}

// skipped reports bytes of the file that a value need not hold: blanks, quotes, escapes.
func (d *Document) skipped(i, from int) bool {
	return strings.IndexByte(" \t\r\n\"'\\", d.data[i]) >= 0 || i > from && d.data[i-1] == '\\'
}
