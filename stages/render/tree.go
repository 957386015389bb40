package render

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/tocsin-security/tocsin/templates"
)

// tree is a payload that a configuration makes: JSON, of which each text is a template.
type tree struct {
	root  any
	texts map[string]*templates.Text
}

// compileTree compiles the tree that is a spec's body.
func compileTree(set *templates.Set, spec Spec) (*tree, error) {
	t := &tree{texts: map[string]*templates.Text{}}
	if spec.Body == "" { // the kind is tried without a tree of anybody's
		spec.Body = `{"status":"{{ .Status }}"}`
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(spec.Body)))
	dec.UseNumber() // as they were written
	if err := dec.Decode(&t.root); err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	_, err := walk(t.root, "payload", func(path, text string) (string, error) {
		if t.texts[text] != nil {
			return "", nil
		}
		compiled, err := set.Text(path, text)
		t.texts[text] = compiled
		return "", err
	})
	return t, err
}

// execute fills the tree. It is safe for concurrent use.
func (t *tree) execute(d *templates.Data) ([]byte, error) {
	filled, err := walk(t.root, "payload", func(_, text string) (string, error) { return t.texts[text].Execute(d) })
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(filled); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// walk copies a tree with each text, keys not included, as f makes it.
func walk(node any, path string, f func(path, text string) (string, error)) (any, error) {
	switch node := node.(type) {
	case string:
		return f(path, node)
	case map[string]any:
		all := make(map[string]any, len(node))
		for key, value := range node {
			filled, err := walk(value, path+"."+key, f)
			if err != nil {
				return nil, err
			}
			all[key] = filled
		}
		return all, nil
	case []any:
		all := make([]any, len(node))
		for i, value := range node {
			filled, err := walk(value, fmt.Sprintf("%s[%d]", path, i), f)
			if err != nil {
				return nil, err
			}
			all[i] = filled
		}
		return all, nil
	default:
		return node, nil
	}
}
