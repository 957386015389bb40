// Package falcosidekick turns Falcosidekick's configuration, a YAML file or variables of the environment, into one of
// tocsin's. It says of every output that it leaves out why, and what to do instead. It reads no other file and knows
// nothing of who runs it.
package falcosidekick

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Result is a configuration for tocsin and what to know about it.
type Result struct {
	YAML      []byte
	Converted []string // names of outputs
	Notes     []Note
}

// Note is something that was not converted, or does not do quite the same. It shows keys, never values.
type Note struct {
	File string
	Line int    // 0: it is not from the file
	Env  string // the variable it is from, if it is
	Key  string
	Text string
}

// String is the note with its place.
func (n Note) String() string {
	switch {
	case n.Env != "":
		return fmt.Sprintf("$%s: %s: %s", n.Env, n.Key, n.Text)
	case n.Line > 0:
		return fmt.Sprintf("%s:%d: %s: %s", n.File, n.Line, n.Key, n.Text)
	default:
		return n.Key + ": " + n.Text
	}
}

// converter collects the parts of the result.
type converter struct {
	*settings
	file      string
	notes     []Note
	converted []string
	receivers []string // their YAML
	routes    []string
	comments  []string // on what has no receiver
}

// Convert reads a file, which is empty when there is none, and variables as os.Environ gives them. The error says
// that the file is not YAML.
func Convert(file string, data []byte, environment []string) (Result, error) {
	c := &converter{settings: &settings{}, file: file}
	if err := c.readFile(file, data); err != nil {
		return Result{}, err
	}
	c.readEnvironment(environment)
	c.webhook()
	c.mail()
	c.others()
	c.general()
	c.unknown()
	slices.SortStableFunc(c.notes, func(a, b Note) int { return cmp.Compare(a.Line, b.Line) })
	return Result{YAML: c.yaml(), Converted: c.converted, Notes: c.notes}, nil
}

func (c *converter) note(of setting, key, text string) {
	c.notes = append(c.notes, Note{File: c.file, Line: of.line, Env: of.env, Key: key, Text: text})
}

// others leaves a comment for every output that is on and has no receiver.
func (c *converter) others() {
	for _, o := range outputs {
		by, on := o.sends(c.settings)
		if !on {
			continue
		}
		c.note(by, o.name, "not converted: "+o.why)
		c.comments = append(c.comments, "not converted: "+o.name+": "+o.why)
	}
}

// general notes the keys at the top that have no twin.
func (c *converter) general() {
	for _, key := range []string{"debug", "templatedfields", "customtags", "outputfieldformat", "tlsserver"} {
		of := c.find(key)
		if names, below := c.below(key); len(names) > 0 {
			of = below[names[0]]
		}
		switch {
		case of.text == "" || strings.EqualFold(of.text, "false"):
		case key == "tlsserver" && !c.isTrue("tlsserver.deploy", false):
		case key == "outputfieldformat" && strings.HasPrefix(of.text, "<timestamp>: <priority> <output>"): // the default
		default:
			c.note(of, key, "not converted: "+general[key])
		}
	}
}

// unknown notes what is in the file and is no key of Falcosidekick's that is known here.
func (c *converter) unknown() {
	var seen []string
	for _, one := range c.all {
		block, _, _ := strings.Cut(strings.ToLower(one.path), ".")
		if one.text == "" || isBlock(block) || slices.Contains(seen, block) {
			continue
		}
		seen = append(seen, block)
		c.note(one, block, "not converted: no such key of Falcosidekick's is known here")
	}
}

// route sends what an output's minimumpriority lets pass to a receiver.
func (c *converter) route(output, receiver string) {
	lines := []string{"    - receiver: " + receiver}
	least := c.find(output + ".minimumpriority")
	priority, err := pipeline.ParsePriority(least.text)
	switch {
	case least.text == "" || err == nil && priority == pipeline.Debug: // all
	case err != nil:
		c.note(least, output+".minimumpriority", "no priority: everything is sent")
	default:
		var names []string
		for p := pipeline.Emergency; p <= priority; p++ {
			names = append(names, p.String())
		}
		lines = append(lines, `      matchers: ['priority =~ "`+strings.Join(names, "|")+`"']`)
	}
	c.routes = append(c.routes, strings.Join(append(lines, "      continue: true"), "\n"))
	c.converted = append(c.converted, output)
}
