package falcosidekick

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// setting is one value of Falcosidekick's configuration.
type setting struct {
	path string // its keys, joined by dots, as they are written
	text string
	line int    // in the file; 0: it is from the environment
	env  string // the variable that holds all of it
}

// settings are all of them, in the order of the file, then of the environment. Keys are found in any letter case, as
// Falcosidekick's are, and the environment precedes the file.
type settings struct {
	all []setting
}

// readFile adds what is set in a YAML file.
func (s *settings) readFile(name string, data []byte) error {
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		var y yaml.Error
		if errors.As(err, &y) && y.GetToken() != nil {
			at := y.GetToken().Position
			return fmt.Errorf("%s:%d:%d: %s", name, at.Line, at.Column, y.GetMessage())
		}
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, doc := range file.Docs {
		s.walk("", doc.Body)
	}
	return nil
}

func (s *settings) walk(path string, node ast.Node) {
	switch n := node.(type) {
	case *ast.AnchorNode:
		s.walk(path, n.Value)
	case *ast.TagNode:
		s.walk(path, n.Value)
	case *ast.MappingNode:
		for _, entry := range n.Values {
			s.walk(path, entry)
		}
	case *ast.MappingValueNode:
		key := n.Key.GetToken().Value
		if path != "" {
			key = path + "." + key
		}
		s.walk(key, n.Value)
	case *ast.SequenceNode:
		var texts []string
		for _, item := range n.Values {
			texts = append(texts, item.GetToken().Value)
		}
		s.all = append(s.all, setting{path: path, text: strings.Join(texts, ","), line: n.GetToken().Position.Line})
	case ast.ScalarNode:
		text := n.GetToken().Value
		if _, isNull := n.(*ast.NullNode); isNull {
			text = ""
		}
		if literal, ok := n.(*ast.LiteralNode); ok {
			text = literal.Value.Value
		}
		s.all = append(s.all, setting{path: path, text: text, line: n.GetToken().Position.Line})
	}
}

// lists are the keys whose value in the environment is a list of key:value pairs.
var lists = []string{"customfields", "templatedfields", "webhook.customheaders", "alertmanager.customheaders", "alertmanager.extralabels",
	"alertmanager.extraannotations", "cloudevents.extensions"}

// readEnvironment adds what variables set: a key's path in upper case, with an underscore for each dot. Only
// variables of Falcosidekick's blocks count: the environment has others.
func (s *settings) readEnvironment(variables []string) {
	variables = slices.Sorted(slices.Values(variables))
	for _, v := range variables {
		name, text, _ := strings.Cut(v, "=")
		path := strings.ReplaceAll(strings.ToLower(name), "_", ".")
		block, _, _ := strings.Cut(path, ".")
		if text == "" || name != strings.ToUpper(name) || !isBlock(block) {
			continue
		}
		if !slices.Contains(lists, path) {
			s.all = append(s.all, setting{path: path, text: text, env: name})
			continue
		}
		for _, pair := range strings.Split(text, ",") {
			key, value, ok := strings.Cut(pair, ":")
			if ok {
				s.all = append(s.all, setting{path: path + "." + strings.TrimSpace(key), text: strings.TrimSpace(value)})
			}
		}
	}
}

// find is the last setting of a path; without one it is empty.
func (s *settings) find(path string) (found setting) {
	for _, one := range s.all {
		if strings.EqualFold(one.path, path) {
			found = one
		}
	}
	return found
}

func (s *settings) text(path string) string { return s.find(path).text }

// isTrue reads a switch.
func (s *settings) isTrue(path string, unset bool) bool {
	switch strings.ToLower(s.text(path)) {
	case "true", "1", "yes", "on":
		return true
	case "":
		return unset
	default:
		return false
	}
}

// below are the settings under a path, by the rest of theirs, each once.
func (s *settings) below(path string) (names []string, of map[string]setting) {
	of = map[string]setting{}
	for _, one := range s.all {
		if len(one.path) > len(path) && one.path[len(path)] == '.' && strings.EqualFold(one.path[:len(path)], path) {
			name := one.path[len(path)+1:]
			if _, again := of[name]; !again {
				names = append(names, name)
			}
			of[name] = one
		}
	}
	return names, of
}
