package templates

import (
	"embed"
	"fmt"
	htmltemplate "html/template"
	"io"
	"maps"
	"path/filepath"
	"strings"
	texttemplate "text/template"
	"time"

	"github.com/prometheus/alertmanager/template"

	"github.com/tocsin-security/tocsin/templates/fast"
)

//go:embed *.tmpl
var builtin embed.FS

// Set is a parsed collection of named blocks: Alertmanager's, ours, and the user's files, later ones
// replacing earlier ones of the same name. It is safe for concurrent use.
type Set struct {
	// The two are one collection, parsed twice: mail's HTML is run by html/template. They are cloned
	// for every compiled text and never executed, because an executed html/template cannot be cloned.
	text *texttemplate.Template
	html *htmltemplate.Template

	functions map[string]any // those of text
}

// Parse reads what ships and then files, which are globs. A glob may match nothing; a plain path may
// not. Times are shown in zone.
func Parse(files []string, zone *time.Location) (*Set, error) {
	s := &Set{}
	parser, err := template.FromGlobs(nil, func(text *texttemplate.Template, html *htmltemplate.Template) {
		ours := functions(zone)
		s.text, s.html, s.functions = text.Funcs(texttemplate.FuncMap(ours)), html.Funcs(htmltemplate.FuncMap(ours)), ours
	})
	if err != nil {
		return nil, fmt.Errorf("parse Alertmanager's default templates: %w", err)
	}
	maps.Copy(s.functions, template.DefaultFuncs) // they win there
	if err := parseBuiltin(parser); err != nil {
		return nil, err
	}
	for _, glob := range files {
		if err := parseFiles(parser, glob); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func parseBuiltin(parser *template.Template) error {
	entries, err := builtin.ReadDir(".")
	if err != nil {
		return fmt.Errorf("list the embedded templates: %w", err)
	}
	for _, e := range entries {
		f, err := builtin.Open(e.Name())
		if err != nil {
			return fmt.Errorf("open embedded template %s: %w", e.Name(), err)
		}
		if err := parser.Parse(f.(io.Reader)); err != nil {
			return fmt.Errorf("parse embedded template %s: %w", e.Name(), err)
		}
	}
	return nil
}

func parseFiles(parser *template.Template, glob string) error {
	matches, err := filepath.Glob(glob)
	if err != nil {
		return fmt.Errorf("template files %q: %w", glob, err)
	}
	if len(matches) == 0 && !strings.ContainsAny(glob, `*?[`) {
		return fmt.Errorf("template file %q: no such file; paths are relative to the configuration file", glob)
	}
	if err := parser.FromGlob(glob); err != nil {
		return fmt.Errorf("parse template files %q: %w", glob, err)
	}
	return nil
}

// Text is one compiled template text. It is safe for concurrent use.
type Text struct {
	execute func(io.Writer, any) error
	fast    *fast.Program // the same, if it is known there
}

// Text compiles a plain text; name shows in errors. The text may call any block of the set.
func (s *Set) Text(name, text string) (*Text, error) {
	clone, err := s.text.Clone()
	if err != nil {
		return nil, fmt.Errorf("compile template %q: %w", name, err)
	}
	t, err := clone.New(name).Option("missingkey=zero").Parse(text)
	if err != nil {
		return nil, fmt.Errorf("compile template %q: %w", name, err)
	}
	program, _ := fast.Compile(t, s.functions) // nil with an error, which is none of the text's: it is one for text/template alone
	return &Text{execute: t.Execute, fast: program}, nil
}

// HTML compiles an HTML text, in which every value is escaped for the place it stands in.
func (s *Set) HTML(name, text string) (*Text, error) {
	clone, err := s.html.Clone()
	if err != nil {
		return nil, fmt.Errorf("compile HTML template %q: %w", name, err)
	}
	t, err := clone.New(name).Option("missingkey=zero").Parse(text)
	if err != nil {
		return nil, fmt.Errorf("compile HTML template %q: %w", name, err)
	}
	return &Text{execute: t.Execute}, nil
}

// Execute runs the text over d.
func (t *Text) Execute(d *Data) (string, error) {
	if t.fast != nil {
		if text, ok := t.fast.Run(d); ok {
			return text, nil
		}
	}
	var b strings.Builder
	if err := t.execute(&b, d); err != nil {
		return "", err
	}
	return b.String(), nil
}
