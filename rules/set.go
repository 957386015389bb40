package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// Set is what a number of rule files amount to. It does not change after loading.
type Set struct {
	Rules    []*Rule // in the order of definition, those that do not run included
	Problems []Problem
	Program  *filter.Program // the conditions of the rules that run
	First    bool            // only the first rule that holds fires
	macros   map[syntax.Node]string
}

// Rule is one rule, compiled.
type Rule struct {
	Name        string
	Desc        string
	DescZH      string
	Priority    pipeline.Priority
	Source      string // syscall, or a source of structured events
	Tags        []string
	Labels      map[string]string
	Annotations map[string]string
	Runbook     string
	DedupeBy    []field.Ref   // what makes two alerts the same; nil: the default; empty: nothing more than the rule
	Payload     *Payload      // of a rule for structured events, whose DedupeBy, Condition and Code are not set; else nil
	DedupeFor   time.Duration // how long repeats stay quiet; 0: the default

	DedupeObject   bool    // the file or the remote address is one of DedupeBy
	DedupeEscalate *uint64 // repeats pass when so many; nil: the default
	DedupeSummary  *bool   // what nobody was told of is summed up; nil: the default

	Condition  syntax.Node // macros inserted; of a sequence, that some step holds
	OutputText string
	At         syntax.Pos

	// Skipped says why the rule does not run: disabled, too mild, of an unknown source. Empty: it runs,
	// and Code and Output, or those of Payload, are set. An Output lacks what a window shows.
	Skipped string
	Code    *filter.Condition
	Output  *filter.Output
	Extra   []Extra // fields that the configuration adds
	Window  *Window // nil: every occurrence is an alert
}

// Runs reports whether the rule takes part in matching.
func (r *Rule) Runs() bool { return r.Skipped == "" }

// Err joins the problems that are errors; nil when there are none.
func (s *Set) Err() error { return Err(s.Problems) }

// Rule finds a rule by name, or nil.
func (s *Set) Rule(name string) *Rule {
	for _, r := range s.Rules {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// Source is a rule file in memory.
type Source struct {
	Name string // as shown in problems
	Data []byte
}

// Load reads the files that cfg names, relative to dir, and compiles them. The error is for files that
// cannot be read and settings that cannot be; everything wrong inside a file is among the Problems.
func Load(cfg Config, dir string) (*Set, error) {
	names, err := Expand(cfg.Files, dir)
	if err != nil {
		return nil, fmt.Errorf("rules.files: %s: %s: %w", Error, ErrFileRead, err)
	}
	var sources []Source
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", Error, ErrFileRead, err)
		}
		sources = append(sources, Source{Name: name, Data: data})
	}
	return Parse(cfg, sources)
}

// Expand turns files, folders and globs into file names: a folder into its *.yaml and *.yml in
// alphabetical order. A glob may match nothing and passes over files of other names; a plain name must
// exist and be such a file.
func Expand(patterns []string, dir string) ([]string, error) {
	var names []string
	for _, pattern := range patterns {
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(dir, pattern)
		}
		found := []string{pattern}
		isGlob := strings.ContainsAny(pattern, "*?[")
		if isGlob {
			var err error
			if found, err = filepath.Glob(pattern); err != nil {
				return nil, fmt.Errorf("pattern %q: %w", pattern, err)
			}
		}
		for _, name := range found {
			files, err := filesIn(name)
			if err != nil {
				return nil, err
			}
			if isGlob {
				files = slices.DeleteFunc(files, func(f string) bool { return !isYAML(f) })
			}
			for _, f := range files {
				if !isYAML(f) {
					return nil, fmt.Errorf("%s: the name ends in neither .yaml nor .yml", f)
				}
			}
			names = append(names, files...)
		}
	}
	return names, nil
}

func isYAML(name string) bool {
	ext := filepath.Ext(name)
	return ext == ".yaml" || ext == ".yml"
}

// filesIn is name itself, or the rule files in it when it is a folder.
func filesIn(name string) ([]string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	entries, err := os.ReadDir(name) // sorted by name
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && isYAML(e.Name()) {
			names = append(names, filepath.Join(name, e.Name()))
		}
	}
	return names, nil
}

// Parse compiles rule files that are in memory, in the order given.
func Parse(cfg Config, sources []Source) (*Set, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := newCollector(cfg)
	for i, src := range sources {
		c.file(src)
		if i+1 < len(sources) {
			c.compileSoFar()
		}
	}
	s := &Set{Program: filter.NewProgram(), First: cfg.Matching == MatchFirst}
	if cfg.Given {
		s.Program = filter.NewGivenProgram()
	}
	if cfg.ResolveNames {
		s.Program.ResolveNames(&pipeline.HostNames{})
	}
	if cfg.Places || cfg.Given {
		s.Program.LocateAddresses()
	}
	x := newExpander(c, &c.problems)
	b := builder{cfg: cfg, problems: &c.problems, expander: x, program: s.Program, scratch: s.Program.Like()}
	for _, d := range c.rules.inOrder() {
		if r := b.rule(d); r != nil {
			s.Rules = append(s.Rules, r)
		}
	}
	x.reportUnused()
	cfg.reportIdle(&c.problems, s.Rules)
	if s.First {
		reportShadowed(&c.problems, s.Rules)
	}
	s.macros = x.names()
	s.Problems = c.problems.list
	return s, nil
}

// MatchName compares name with a pattern in which * stands for any text.
func MatchName(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	rest, ok := strings.CutPrefix(name, parts[0])
	if !ok {
		return false
	}
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, p)
		if i < 0 {
			return false
		}
		rest = rest[i+len(p):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}
