package configs

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/pipeline/bus"
	"github.com/tocsin-security/tocsin/stages/route"
	"github.com/tocsin-security/tocsin/stages/route/inhibit"
	"github.com/tocsin-security/tocsin/stages/route/interval"
	"github.com/tocsin-security/tocsin/store/shared"
)

// Loaded is a valid configuration and where it came from.
type Loaded struct {
	Config
	Name string // for messages: the file, or EmbeddedName
	Dir  string // what relative paths start from; "" for the embedded one
	FS   fs.FS  // the embedded files, or nil: then Dir is on disk

	Findings []Problem // what does not keep it from being used: doubtful matchers, keys of Alertmanager's that do nothing here

	body ast.Node
}

// At is where in the file a key is, or the last part of the path to it that is there; from 1.
func (l *Loaded) At(path string) (line, col int) { return position(nodeAt(l.body, path).GetToken()) }

// Load reads and validates a configuration file; an empty name means the embedded one. The error joins
// every Problem found.
func Load(name string) (*Loaded, error) {
	if name == "" {
		data, err := Embedded.ReadFile("tocsin.yaml")
		if err != nil {
			return nil, err
		}
		return parse(EmbeddedName, data, "", Embedded)
	}
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Problem{File: name, Message: "no such file", Hint: "without --config, the embedded configuration is used"}
	}
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return parse(name, data, filepath.Dir(name), nil)
}

func parse(name string, data []byte, dir string, embedded fs.FS) (*Loaded, error) {
	l := &Loaded{Config: Defaults(), Name: name, Dir: dir, FS: embedded}
	f := &file{name: name, dir: dir, files: map[*ast.MappingValueNode]bool{}}
	body := f.decode(data, &l.Config)
	f.readStore(body, &l.Config)
	if len(f.problems) == 0 {
		f.validate(body, &l.Config)
	}
	if err := f.err(); err != nil {
		return nil, errors.Join(append((&Loaded{Findings: f.findings}).Errors(), err)...)
	}
	if embedded == nil && !filepath.IsAbs(l.DataDir) {
		l.DataDir = filepath.Join(dir, l.DataDir)
	}
	l.Enrich.GeoIP = l.Enrich.GeoIP.From(dir)
	l.Rules.Places = len(l.Enrich.GeoIP.Files()) > 0
	slices.SortStableFunc(f.findings, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	l.body, l.Findings = body, f.findings
	return l, nil
}

// readStore takes the store's URL from its file, where it is in one, and makes the paths in it start from the
// configuration's folder.
func (f *file) readStore(body ast.Node, c *Config) {
	if len(f.problems) > 0 {
		return
	}
	if c.StoreFile != "" {
		if !shared.IsEmbedded(string(c.Store)) {
			f.invalid(body, "store_file", errors.New("store and store_file: set only one of them"))
			return
		}
		url, err := os.ReadFile(c.StoreFile)
		if err != nil {
			f.invalid(body, "store_file", fmt.Errorf("read the store's URL: %w", err))
			return
		}
		c.Store = pipeline.Secret(strings.TrimSpace(string(url)))
	}
	c.Store = pipeline.Secret(shared.Locate(string(c.Store), f.dir))
}

// validate asks every block, and then what only the whole can know: whether names match.
func (f *file) validate(body ast.Node, c *Config) {
	if c.DataDir == "" {
		f.invalid(body, "data_dir", errors.New("must not be empty: the bus and the store need a folder"))
	}
	f.invalid(body, "sensor", c.Sensor.Validate())
	f.invalid(body, "rules", c.Rules.Validate())
	f.validateSources(body, c)
	f.invalid(body, "whitelist", c.Whitelist.Validate())
	f.invalid(body, "enrich", c.Enrich.Validate())
	f.invalid(body, "windows", c.Windows.Validate())
	f.validateDedupe(body, c)
	f.invalid(body, "history", c.History.Validate())
	f.invalid(body, "http", c.HTTP.Validate())
	f.invalid(body, "silences", c.Silences.Validate())
	f.validateOnCall(body, c)
	f.invalid(body, "store", shared.Validate(string(c.Store)))
	if !strings.HasPrefix(string(c.Bus), "http") {
		f.invalid(body, "bus", bus.Config{URL: string(c.Bus)}.Validate())
	}
	if _, err := time.LoadLocation(c.Render.TimeZone); err != nil {
		f.invalid(body, "render.time_zone", fmt.Errorf("unknown time zone %q: use a name like Asia/Shanghai, UTC or Local", c.Render.TimeZone))
	}
	f.invalid(body, "global", c.Global.Validate())
	for i, name := range c.Templates {
		if strings.ContainsAny(filepath.Dir(name), "*?[") {
			f.invalid(body, fmt.Sprintf("templates[%d]", i), fmt.Errorf("%q: only the last part of the path may have a wildcard", name))
		}
	}
	f.invalid(body, "", interval.Validate(c.TimeIntervals, c.MuteTimeIntervals))
	f.validateInhibition(body, c)
	names := f.validateReceivers(body, c)
	f.validateRoute(body, c, names)
}

func (f *file) validateReceivers(body ast.Node, c *Config) []string {
	var names []string
	seen := map[string]bool{}
	for i, r := range c.Receivers {
		path := fmt.Sprintf("receivers[%d]", i)
		switch {
		case r.Name == "":
			f.invalid(body, path, errors.New("a receiver needs a name"))
		case seen[r.Name]:
			f.invalid(body, path+".name", fmt.Errorf("receiver %q is there twice", r.Name))
		}
		if own, ok := r.Labels["name"]; ok && own != r.Name {
			f.invalid(body, path+".labels.name", fmt.Errorf("the label name of receiver %q is its name; it cannot be %q", r.Name, own))
		}
		seen[r.Name] = true
		names = append(names, r.Name)
		for _, channel := range r.channels() {
			f.invalid(body, path+"."+channel.path, channel.validate(c.Global))
		}
	}
	for i, r := range c.Receivers {
		switch {
		case r.Fallback == "":
		case r.Fallback == r.Name:
			f.invalid(body, fmt.Sprintf("receivers[%d].fallback", i), fmt.Errorf("receiver %q cannot stand in for itself", r.Name))
		case !seen[r.Fallback]:
			f.invalid(body, fmt.Sprintf("receivers[%d].fallback", i), fmt.Errorf("there is no receiver %q", r.Fallback))
		}
	}
	return names
}

func (f *file) validateRoute(body ast.Node, c *Config, receivers []string) {
	var intervals []string
	for _, i := range append(slices.Clone(c.TimeIntervals), c.MuteTimeIntervals...) {
		intervals = append(intervals, i.Name)
	}
	f.invalidRoutes(body, errors.Join(route.Validate(&c.Route, receivers), route.ValidateIntervals(&c.Route, intervals)))
}

// invalidRoutes reports mistakes of the routing tree at their places.
func (f *file) invalidRoutes(body ast.Node, err error) {
	for _, e := range flatten(err) {
		path := "route"
		var at *route.ConfigError
		if errors.As(e, &at) {
			path, e = "route"+at.Path, at.Err
		}
		f.invalid(body, path, e)
	}
}

func (f *file) validateInhibition(body ast.Node, c *Config) {
	for _, e := range flatten(inhibit.Validate(c.InhibitRules)) {
		path := "inhibit_rules"
		var at *inhibit.ConfigError
		if errors.As(e, &at) {
			path, e = path+at.Path, at.Err
		}
		f.invalid(body, path, e)
	}
}

// flatten lists the errors that errors.Join put together.
func flatten(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, flatten(e)...)
		}
		return all
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// leadingPath is a YAML path that an error begins with, as the blocks' Validate methods write it.
var leadingPath = regexp.MustCompile(`^([a-z_]+(?:\[\d+\])?(?:\.[a-z_]+(?:\[\d+\])?)*): `)

// invalid reports errors of the value at path, at the most exact place that can be found: the path, or
// one below it that the error begins with.
func (f *file) invalid(body ast.Node, path string, err error) {
	for _, e := range flatten(err) {
		at := path
		if m := leadingPath.FindStringSubmatch(e.Error()); m != nil {
			field := m[1]
			if !strings.HasPrefix(field, path) {
				field = path + "." + field
			}
			at = field
		}
		f.problem(nodeAt(body, at), e.Error(), "")
	}
}

// nodeAt finds the node at a YAML path, or at the longest part of it that exists.
func nodeAt(body ast.Node, path string) ast.Node {
	for path != "" {
		if p, err := yaml.PathString("$." + path); err == nil {
			if node, err := p.FilterNode(body); err == nil && node != nil {
				return node
			}
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return body
}
