package configs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/tocsin-security/tocsin/rules"
)

// Problem is one thing that is wrong with a configuration file.
type Problem struct {
	File      string
	Line, Col int // from 1; 0 when the problem is not at one place
	Message   string
	Hint      string         // what to do about it; may be empty
	Severity  rules.Severity // 0: the file cannot be used
}

// Error is file:line:col: message (hint), with the severity before the message if it is less than an error.
func (p Problem) Error() string {
	where := p.File
	if p.Line > 0 {
		where = fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
	}
	if p.Severity == rules.Warning || p.Severity == rules.Info {
		where += ": " + p.Severity.String()
	}
	if p.Hint == "" {
		return where + ": " + p.Message
	}
	return where + ": " + p.Message + " (" + p.Hint + ")"
}

// file is a YAML file on its way into a value; it collects what is wrong with it.
type file struct {
	name     string
	dir      string // what the relative paths of *_file keys start from
	problems []error
	findings []Problem                      // that the file can be used with
	files    map[*ast.MappingValueNode]bool // keys whose value is a path
}

// decode reads data into v (a pointer holding the defaults). All problems found are joined; v is only
// good when there are none.
func (f *file) decode(data []byte, v any) ast.Node {
	parsed, err := parser.ParseBytes(data, 0)
	if err != nil {
		f.yamlError(err)
		return nil
	}
	if len(parsed.Docs) == 0 || parsed.Docs[0].Body == nil {
		f.problem(nil, "the file is empty", "")
		return nil
	}
	if len(parsed.Docs) > 1 {
		f.problem(parsed.Docs[1].Body, "a second document", "a configuration is one YAML document")
		return nil
	}
	body := parsed.Docs[0].Body
	f.checkKeys(body, reflect.TypeOf(v), "")
	ast.Walk(visitor(f.expand), body)
	f.rewriteMatchers(body)
	ast.Walk(visitor(f.locate), body)
	f.mergeAll(body)
	f.checkChannels(body)
	if len(f.problems) > 0 {
		return body
	}
	if err := yaml.NodeToValue(body, v); err != nil {
		f.yamlError(err)
	}
	return body
}

func (f *file) err() error { return errors.Join(f.problems...) }

func (f *file) problem(at ast.Node, message, hint string) {
	p := Problem{File: f.name, Message: message, Hint: hint}
	if at != nil {
		p.Line, p.Col = position(at.GetToken())
	}
	f.problems = append(f.problems, p)
}

// yamlError turns goccy's error into a Problem at its token.
func (f *file) yamlError(err error) {
	p := Problem{File: f.name, Message: err.Error()}
	var y yaml.Error
	if errors.As(err, &y) {
		p.Message = y.GetMessage()
		p.Line, p.Col = position(y.GetToken())
	}
	var t *yaml.TypeError
	if errors.As(err, &t) {
		p.Message = fmt.Sprintf("%s cannot be %s", quote(t.Token.Value), describe(t.DstType))
	}
	f.problems = append(f.problems, p)
}

// describe names a type as a person writing YAML would.
func describe(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint32, reflect.Uint64:
		return "a number"
	case reflect.Slice:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "a mapping of keys to values"
	default:
		return "a " + t.Kind().String()
	}
}

func position(t *token.Token) (line, col int) {
	if t == nil || t.Position == nil {
		return 0, 0
	}
	return t.Position.Line, t.Position.Column
}

type visitor func(ast.Node)

func (v visitor) Visit(node ast.Node) ast.Visitor {
	v(node)
	return v
}

// variable is ${NAME}; $${NAME} is a literal ${NAME}.
var variable = regexp.MustCompile(`\$?\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// expand replaces ${NAME} in a string by the environment. It works on parsed strings, so a value
// cannot become YAML structure. An unset variable is a problem: an empty password or URL would only
// show when the first alert is due.
func (f *file) expand(node ast.Node) {
	s, ok := node.(*ast.StringNode)
	if !ok || !strings.Contains(s.Value, "${") {
		return
	}
	setString(s, variable.ReplaceAllStringFunc(s.Value, func(m string) string {
		if strings.HasPrefix(m, "$$") {
			return m[1:]
		}
		name := m[2 : len(m)-1]
		value, set := os.LookupEnv(name)
		if !set {
			f.problem(node, "environment variable "+name+" is not set", "set it, or write $${"+name+"} for the text itself")
		}
		return value
	}))
}

// setString changes a string node, and the source text that goccy gives to types which read themselves.
func setString(s *ast.StringNode, value string) {
	s.Value, s.Token.Value, s.Token.Origin = value, value, strconv.Quote(value)
}

// locate makes the relative path of a *_file key, or of a header's files, start from the configuration's folder, wherever in the
// file it is.
func (f *file) locate(node ast.Node) {
	entry, ok := node.(*ast.MappingValueNode)
	switch {
	case !ok:
	case entry.Key.GetToken().Value == "http_headers":
		for _, header := range entries(entry.Value) {
			for _, part := range entries(header.Value) {
				if list, ok := unwrap(part.Value).(*ast.SequenceNode); ok && part.Key.GetToken().Value == "files" {
					for _, file := range list.Values {
						f.locateFile(file)
					}
				}
			}
		}
	case f.files[entry]:
		f.locateFile(entry.Value)
	}
}

func (f *file) locateFile(node ast.Node) {
	if s, ok := unwrap(node).(*ast.StringNode); ok && s.Value != "" && !filepath.IsAbs(s.Value) {
		setString(s, filepath.Join(f.dir, s.Value))
	}
}

func quote(s string) string { return fmt.Sprintf("%q", s) }
