package falcosidekick

import (
	"cmp"
	"encoding/json"
	"strings"
)

// quote writes text as YAML, in double quotes: JSON's are YAML's.
func quote(text string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		return `""` // a string always encodes
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// escaped keeps what looks like a variable from being read as one.
func escaped(text string) string { return strings.ReplaceAll(text, "${", "$${") }

// quoted writes a setting: one that is in the environment stays there.
func quoted(s setting) string {
	if s.env != "" {
		return quote("${" + s.env + "}")
	}
	return quote(escaped(s.text))
}

// head is what the result begins with.
const head = `# Made from Falcosidekick's configuration by tocsin convert falcosidekick: read it before it is used.
# It is for tocsin router, which takes Falco's alerts where Falcosidekick did: at / (and /api/v1/falco).
# Falcosidekick sends every event once, and forgets it. tocsin keeps what it took until a channel has it, tells one
# thing once and counts its repeats (dedupe), and puts what comes together into one message (group_by).
`

func (c *converter) yaml() []byte {
	var b strings.Builder
	line := func(text string) { b.WriteString(text + "\n") }
	b.WriteString(head)
	line("data_dir: data\n")
	line("sensor: {enabled: false}            # Falco is the sensor")
	line("rules: {files: []}                  # and has the rules\n")
	line("http:")
	line("  # Falcosidekick listened on all addresses, for everybody. Before this does so, it asks for http.auth: docs/operations.md.")
	line("  listen: " + quote("127.0.0.1:"+cmp.Or(c.text("listenport"), "2801")))
	c.customFields(line)
	line("\nroute:")
	line("  receiver: " + c.rest())
	line("  group_by: [rule, hostname]")
	line("  group_wait: 0s                    # send the first alert of a group at once")
	line("  group_interval: 10s               # and what joins it later, together")
	if len(c.routes) > 0 {
		line("  routes:                           # one for each output, with its minimumpriority")
	}
	for _, r := range c.routes {
		line(r)
	}
	line("\nreceivers:")
	if c.rest() == "nobody" {
		line("  - name: nobody                    # what is below every minimumpriority")
	} else {
		line("  - name: terminal                  # no output could be converted")
		line("    stdout_configs: [{}]")
	}
	for _, r := range c.receivers {
		line(r)
	}
	for _, text := range c.comments {
		line("  # " + text)
	}
	return []byte(b.String())
}

// rest is the receiver of what no output takes.
func (c *converter) rest() string {
	if len(c.receivers) > 0 {
		return "nobody"
	}
	return "terminal"
}

// customFields become labels of every alert. A value %NAME is a variable, as Falcosidekick has it.
func (c *converter) customFields(line func(string)) {
	names, of := c.below("customfields")
	var labels []string
	for _, name := range names {
		value := of[name]
		if value.text == "" {
			continue
		}
		text := quoted(value)
		if variable, ok := strings.CutPrefix(value.text, "%"); ok {
			text = quote("${" + variable + "}")
			c.note(value, "customfields."+name, "the variable "+variable+" has to be set where tocsin runs")
		}
		labels = append(labels, quote(name)+": "+text)
	}
	if len(labels) == 0 {
		return
	}
	line("\nenrich:")
	line("  owners:                           # customfields, as labels of every alert")
	line(`    - matchers: ['rule =~ ".+"']`)
	line("      labels: {" + strings.Join(labels, ", ") + "}")
	line("      continue: true")
}
