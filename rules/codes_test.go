package rules

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// open is a condition about which there is nothing to say.
const open = "evt.type = open"

// TestCodes gives each code a file that provokes it, and wants all that is said about the file.
func TestCodes(t *testing.T) {
	strict := func(c *Config) { c.Strict = true }
	first := func(c *Config) { c.Matching = MatchFirst }
	used := func(name string) string { return rule("u", open+" and proc.name in ("+name+")") }
	exceptions := func(lines ...string) string { return rule("r", open, append([]string{"exceptions:"}, lines...)...) }
	for sentence, c := range map[string]struct {
		files  string // several with "====\n" between them
		change func(*Config)
		want   string
	}{
		// LOAD_ERR_YAML_PARSE, LOAD_ERR_YAML_VALIDATE
		"not YAML":                     {files: "- rule: [\n", want: `a.yaml:1:9: error: LOAD_ERR_YAML_PARSE: not YAML: sequence end token ']' not found`},
		"an alias without its anchor":  {files: rule("r", "*x"), want: `a.yaml:2:14: error: LOAD_ERR_YAML_VALIDATE: r: condition: there is no anchor "&x" (quote a value that starts with *)`},
		"a null where text must be":    {files: "- macro: m\n  condition: ~\n", want: "a.yaml:2:3: error: LOAD_ERR_YAML_VALIDATE: m: condition is empty"},
		"a list where text must be":    {files: rule("r", "[a]"), want: "a.yaml:2:14: error: LOAD_ERR_YAML_VALIDATE: r: condition must be a single value"},
		"an item that is a list":       {files: "- list: l\n  items: [[a]]\n", want: "a.yaml:2:11: error: LOAD_ERR_YAML_VALIDATE: l: an entry of items must be a single value"},
		"an item that is null":         {files: "- list: l\n  items: [~]\n", want: "a.yaml:2:11: error: LOAD_ERR_YAML_VALIDATE: l: an entry of items is null (quote it when it is meant as text)"},
		"append and override together": {files: "- list: l\n  items: []\n  append: true\n  override: {items: append}\n", want: "a.yaml:3:3: error: LOAD_ERR_YAML_VALIDATE: l: append and override cannot be used together"},
		"override with another word":   {files: "- list: l\n  items: []\n  override: {items: add}\n", want: `a.yaml:3:21: error: LOAD_ERR_YAML_VALIDATE: l: override: "add" is neither append nor replace`},
		"override of what cannot be":   {files: "- rule: r\n  priority: INFO\n  override: {priority: append}\n", want: `a.yaml:3:14: error: LOAD_ERR_YAML_VALIDATE: r: override: priority of a rule cannot be used with append (possible: condition, output, desc, tags, exceptions)`},
		"override of a key not there":  {files: "- rule: r\n  override: {tags: append}\n", want: "a.yaml:2:14: error: LOAD_ERR_YAML_VALIDATE: r: override names tags, which the element does not have"},
		"a key override does not name": {files: rule("r", open) + "- rule: r\n  desc: e\n  tags: [a]\n  override: {desc: replace}\n", want: "a.yaml:8:3: error: LOAD_ERR_YAML_VALIDATE: r: tags is not named under override (say whether it appends or replaces)"},
		"a switch in strange case":     {files: rule("r", open, "enabled: tRue"), want: `a.yaml:6:12: error: LOAD_ERR_YAML_VALIDATE: r: enabled: "tRue" is neither true nor false`},
		"a duration that is no number": {files: rule("r", open, "capture_duration: 5s"), want: `a.yaml:6:3: error: LOAD_ERR_YAML_VALIDATE: r: capture_duration: "5s" is no number of milliseconds`},
		"exceptions that are no list":  {files: rule("r", open, "exceptions: x"), want: "a.yaml:6:15: error: LOAD_ERR_YAML_VALIDATE: r: exceptions must be a list"},
		"an exception that is none":    {files: exceptions("- x"), want: "a.yaml:7:5: error: LOAD_ERR_YAML_VALIDATE: r: an entry of exceptions must be a mapping"},
		"an exception without a name":  {files: exceptions("- fields: proc.name"), want: "a.yaml:7:5: error: LOAD_ERR_YAML_VALIDATE: r: name is missing"},
		"values nested too deep":       {files: exceptions("- {name: e, fields: [proc.name], values: [[[[a]]]]}"), want: "a.yaml:7:47: error: LOAD_ERR_YAML_VALIDATE: r: values are nested too deep: a value is a single one or a list of them"},
		"a version that is none":       {files: "- required_engine_version: 0.57\n", want: `a.yaml:1:28: error: LOAD_ERR_YAML_VALIDATE: 0.57: required_engine_version: "0.57" is no version such as 0.63.0`},
		"a plugin without a version":   {files: "- required_plugin_versions: [{name: container}]\n", want: "a.yaml:1:31: error: LOAD_ERR_YAML_VALIDATE: version is missing"},
		"a priority of another scale":  {files: strings.Replace(rule("r", open), "INFO", "high", 1), change: strict, want: `a.yaml:5:13: error: LOAD_ERR_YAML_VALIDATE: r: unknown priority "high": use one of emergency, alert, critical, error, warning, notice, informational, debug`},

		// LOAD_ERR_VALIDATE
		"a version nobody has":          {files: "- required_engine_version: 1.0.0\n", want: "a.yaml:1:28: error: LOAD_ERR_VALIDATE: 1.0.0: required_engine_version: the file wants 1.0.0, this engine speaks 0.63.0"},
		"a plugin's version":            {files: "- required_plugin_versions: [{name: container, version: 1.0.0, alternatives: [{name: x, version: 0.1.0}]}]\n", want: "a.yaml:1:37: error: LOAD_ERR_VALIDATE: required_plugin_versions: there is no plugin container and none of its alternatives x"},
		"a plugin's version is none":    {files: "- required_plugin_versions: [{name: container, version: x}]\n", want: `a.yaml:1:57: error: LOAD_ERR_VALIDATE: required_plugin_versions: "x" is no version such as 0.4.0`},
		"a plugin twice":                {files: "- required_plugin_versions: [{name: container, version: 0.4.0, alternatives: [{name: container, version: 0.4.0}]}]\n", want: `a.yaml:1:86: error: LOAD_ERR_VALIDATE: required_plugin_versions: plugin "container" is named twice in one entry`},
		"an undefined macro":            {files: "- macro: started\n  condition: evt.type = open\n" + rule("r", "started and strated"), want: `a.yaml:4:26: error: LOAD_ERR_VALIDATE: r: undefined macro "strated" used in filter (did you mean "started"?)`},
		"a macro of a later file":       {files: rule("r", "m") + "====\n- macro: m\n  condition: evt.type = open\n", want: `a.yaml:2:14: error: LOAD_ERR_VALIDATE: r: undefined macro "m" used in filter (a file can use only what it and the files before it define)`},
		"a macro in a loop":             {files: "- macro: m\n  condition: evt.type = open\n- macro: n\n  condition: m\n- macro: m\n  condition: n\n" + rule("r", "m"), want: `a.yaml:4:14: error: LOAD_ERR_VALIDATE: r: macro "m" refers to itself`},
		"a list that is not there":      {files: "- list: shells\n  items: [sh]\n- list: shell\n  items: []\n  override: {items: append}\n" + used("shells"), want: `a.yaml:5:3: error: LOAD_ERR_VALIDATE: shell: there is no list to append to (did you mean "shells"?)`},
		"a macro that is not there":     {files: "- macro: m\n  condition: and proc.pid = 1\n  override: {condition: replace}\n", want: "a.yaml:3:3: error: LOAD_ERR_VALIDATE: m: there is no macro to replace in (it must be defined before, in this file or an earlier one)"},
		"a rule that is not there":      {files: "- rule: r\n  tags: [a]\n  override: {tags: append}\n", want: "a.yaml:3:3: error: LOAD_ERR_VALIDATE: r: there is no rule to append to (it must be defined before, in this file or an earlier one)"},
		"nothing to append":             {files: rule("r", open) + "- rule: r\n  append: true\n", want: "a.yaml:7:3: warning: LOAD_DEPRECATED_ITEM: r: append is deprecated (write override: {condition: append})\na.yaml:7:3: error: LOAD_ERR_VALIDATE: r: there is nothing to append (give condition, output, desc, tags or exceptions)"},
		"another source":                {files: rule("r", open) + rule("r", open, "source: json"), want: "a.yaml:11:3: error: LOAD_ERR_VALIDATE: r: source: the rule is for syscall already, from a.yaml:1:3 on (give the rule another name)"},
		"an exception without fields":   {files: exceptions("- {name: e, values: [a]}"), want: `a.yaml:7:12: error: LOAD_ERR_VALIDATE: r: exception "e" has no fields`},
		"a field that is not there":     {files: exceptions("- {name: e, fields: proc.nmae}"), want: `a.yaml:7:23: error: LOAD_ERR_VALIDATE: r: nonexistent field "proc.nmae" (did you mean "proc.name"?)`},
		"fields and comps differ":       {files: exceptions("- {name: e, fields: [proc.name], comps: [=, =]}"), want: `a.yaml:7:12: error: LOAD_ERR_VALIDATE: r: exception "e" has 1 fields and 2 comps`},
		"fields and comps of two kinds": {files: exceptions("- {name: e, fields: [proc.name], comps: =}"), want: `a.yaml:7:36: error: LOAD_ERR_VALIDATE: r: exception "e": fields and comps must both be single values or both be lists`},
		"a comp that is none":           {files: exceptions("- {name: e, fields: [proc.name], comps: [startwith]}"), want: `a.yaml:7:44: error: LOAD_ERR_VALIDATE: r: exception "e": "startwith" is no operator (did you mean "startswith"?)`},
		"a comp of the single form":     {files: exceptions("- {name: e, fields: proc.name, comps: startswith}"), want: `a.yaml:7:41: error: LOAD_ERR_VALIDATE: r: exception "e": operator "startswith" takes no list of values (use in, pmatch, intersects or an operator with a modifier, or make fields a list)`},
		"a tuple that is too short":     {files: exceptions("- {name: e, fields: [proc.name, fd.name], values: [[a]]}"), want: `a.yaml:7:54: error: LOAD_ERR_VALIDATE: r: exception "e" has 2 fields, this entry 1 values`},
		"a tuple that is none":          {files: exceptions("- {name: e, fields: [proc.name], values: [a]}"), want: `a.yaml:7:45: error: LOAD_ERR_VALIDATE: r: exception "e": each entry of values must be a list, one value a field`},
		"a tuple in the single form":    {files: exceptions("- {name: e, fields: proc.name, values: [[a]]}"), want: `a.yaml:7:43: error: LOAD_ERR_VALIDATE: r: exception "e": the values of a single field are single values`},
		"fields given again":            {files: exceptions("- {name: e, fields: proc.name}") + "- rule: r\n  exceptions: [{name: e, fields: proc.name, values: [a]}]\n  override: {exceptions: append}\n", want: `a.yaml:9:23: error: LOAD_ERR_VALIDATE: r: exception "e" has its fields and comps already (give values alone)`},
		"a new exception without":       {files: exceptions("- {name: edge, fields: proc.name}") + "- rule: r\n  exceptions: [{name: egde, values: [a]}]\n  override: {exceptions: append}\n", want: `a.yaml:9:23: error: LOAD_ERR_VALIDATE: r: the rule has no exception "egde", and a new one needs fields and values (did you mean "edge"?)`},
		"a bare event in strict mode":   {files: rule("r", "execve"), change: strict, want: `a.yaml:2:14: error: LOAD_ERR_VALIDATE: r: undefined macro "execve" used in filter`},
		"a macro of articles, strictly": {files: rule("r", open+" and containerized"), change: strict, want: `a.yaml:2:34: error: LOAD_ERR_VALIDATE: r: undefined macro "containerized" used in filter`},

		// LOAD_ERR_COMPILE_CONDITION, LOAD_ERR_COMPILE_OUTPUT
		"a bool alone in strict mode":    {files: rule("r", open+" and container.privileged"), change: strict, want: `a.yaml:2:53: error: LOAD_ERR_COMPILE_CONDITION: r: the condition ends where an operator after container.privileged is expected`},
		"another field alone":            {files: rule("r", open+" and proc.name"), want: `a.yaml:2:42: error: LOAD_ERR_COMPILE_CONDITION: r: the condition ends where an operator after proc.name is expected`},
		"an error in an appended text":   {files: rule("r", open) + "- rule: r\n  condition: and proc.nmae = x\n  override: {condition: append}\n", want: `a.yaml:7:18: error: LOAD_ERR_COMPILE_CONDITION: r: nonexistent field "proc.nmae" (did you mean "proc.name"?)`},
		"an error in an exception":       {files: exceptions("- name: e", "  fields: [proc.pid]", "  values:", "  - [1]", "  - [x]"), want: `a.yaml:11:8: error: LOAD_ERR_COMPILE_CONDITION: r: proc.pid is a number (int64), "x" is not a decimal one`},
		"an event nobody knows":          {files: rule("r", "evt.type = opne"), want: `a.yaml:2:25: error: LOAD_ERR_COMPILE_CONDITION: r: unknown event type "opne" (did you mean "open"?)`},
		"an error in an appended output": {files: rule("r", open) + "- rule: r\n  output: of %proc.nmae\n  override: {output: append}\n", want: `a.yaml:7:15: error: LOAD_ERR_COMPILE_OUTPUT: r: nonexistent field "proc.nmae" (did you mean "proc.name"?)`},
		"a percent sign in an output":    {files: strings.Replace(rule("r", open), "output: o", "output: 100%", 1), want: `a.yaml:3:14: error: LOAD_ERR_COMPILE_OUTPUT: r: no field after % (an output cannot hold a literal percent sign)`},

		// Warnings
		"LOAD_UNKNOWN_SOURCE":           {files: rule("r", "x.y = 1", "source: okta"), want: `a.yaml:6:3: warning: LOAD_UNKNOWN_SOURCE: r: unknown source "okta": the rule is skipped (sources of structured events are named in the configuration, under sources)`},
		"LOAD_UNSAFE_NA_CHECK":          {files: rule("r", `ka.verb != "<NA>"`, "skip-if-unknown-filter: true"), want: "a.yaml:2:25: warning: LOAD_UNSAFE_NA_CHECK: r: ka.verb is never \"<NA>\": a missing one has no value (write: not ka.verb exists)\na.yaml:2:14: warning: LOAD_UNKNOWN_FILTER: r: nonexistent field \"ka.verb\""},
		"LOAD_NO_EVTTYPE":               {files: rule("r", "proc.pid = 1"), want: "a.yaml:1:3: warning: LOAD_NO_EVTTYPE: r: matches too many event types, which costs performance (add a check of evt.type)"},
		"LOAD_NO_EVTTYPE silenced":      {files: rule("r", "proc.pid = 1", "warn_evttypes: false"), want: ""},
		"LOAD_UNKNOWN_FILTER":           {files: rule("r", "evt.type = opne", "skip-if-unknown-filter: true"), want: `a.yaml:2:25: warning: LOAD_UNKNOWN_FILTER: r: unknown event type "opne" (did you mean "open"?)`},
		"LOAD_UNKNOWN_FILTER, output":   {files: strings.Replace(rule("r", open, "skip-if-unknown-filter: yes"), "output: o", `output: "%proc.nmae"`, 1), want: `a.yaml:3:13: warning: LOAD_UNKNOWN_FILTER: r: nonexistent field "proc.nmae" (did you mean "proc.name"?)`},
		"LOAD_UNUSED_MACRO":             {files: "- macro: m\n  condition: evt.type = open\n", want: `a.yaml:1:3: warning: LOAD_UNUSED_MACRO: macro "m" is not used`},
		"LOAD_UNUSED_LIST":              {files: "- list: l\n  items: [a]\n", want: `a.yaml:1:3: warning: LOAD_UNUSED_LIST: list "l" is not used`},
		"LOAD_UNKNOWN_ITEM":             {files: "- marco: m\n  condition: x\n", want: `a.yaml:1:3: warning: LOAD_UNKNOWN_ITEM: neither rule, macro nor list: ignored (did you mean "macro"?)`},
		"LOAD_UNKNOWN_KEY":              {files: rule("r", open, "tag: [a]"), want: `a.yaml:6:3: warning: LOAD_UNKNOWN_KEY: unknown key "tag": ignored (did you mean "tags"?)`},
		"LOAD_UNKNOWN_KEY, exception":   {files: exceptions("- {name: e, field: proc.name, fields: proc.name}"), want: `a.yaml:7:15: warning: LOAD_UNKNOWN_KEY: unknown key "field": ignored (did you mean "fields"?)`},
		"LOAD_DEPRECATED_ITEM, append":  {files: "- list: l\n  items: [a]\n- list: l\n  items: [b]\n  append: true\n" + used("l"), want: "a.yaml:5:3: warning: LOAD_DEPRECATED_ITEM: l: append is deprecated (write override: {items: append})"},
		"LOAD_DEPRECATED_ITEM, enabled": {files: rule("r", open) + "- rule: r\n  enabled: false\n", want: "a.yaml:7:3: warning: LOAD_DEPRECATED_ITEM: r: an element with only enabled is deprecated (write override: {enabled: replace})"},
		"LOAD_DEPRECATED_ITEM, field":   {files: rule("r", open+" and evt.dir = <"), want: "a.yaml:2:34: warning: LOAD_DEPRECATED_ITEM: r: field evt.dir is deprecated (leave it out: an event is the whole call, with its result)"},
		"LOAD_DEPRECATED_ITEM, output": {files: strings.Replace(rule("r", open), "output: o", `output: a %evt.dir %container.info`, 1),
			want: "a.yaml:3:22: warning: LOAD_DEPRECATED_ITEM: r: %container.info is deprecated and prints nothing (name the fields you want)\na.yaml:3:13: warning: LOAD_DEPRECATED_ITEM: r: field evt.dir is deprecated (leave it out: an event is the whole call, with its result)"},
		"LOAD_APPEND_NO_VALUES":          {files: exceptions("- {name: e, fields: proc.name}") + "- rule: r\n  exceptions: [{name: e}]\n  override: {exceptions: append}\n", want: `a.yaml:9:23: warning: LOAD_APPEND_NO_VALUES: r: exception "e": there are no values to append`},
		"LOAD_EXCEPTION_NAME_NOT_UNIQUE": {files: exceptions("- {name: e, fields: proc.name}", "- {name: e, fields: proc.pname}"), want: `a.yaml:8:12: warning: LOAD_EXCEPTION_NAME_NOT_UNIQUE: r: two exceptions have the name "e" (values appended to that name go to the first)`},
		"LOAD_INVALID_MACRO_NAME":        {files: "- macro: m-n\n  condition: evt.type = open\n", want: "a.yaml:1:3: warning: LOAD_INVALID_MACRO_NAME: macro name \"m-n\" cannot be used in a condition (start with a letter and go on with letters, digits and _)\na.yaml:1:3: warning: LOAD_UNUSED_MACRO: macro \"m-n\" is not used"},
		"LOAD_INVALID_LIST_NAME":         {files: "- list: l m\n  items: [a]\n", want: "a.yaml:1:3: warning: LOAD_INVALID_LIST_NAME: list name \"l m\" has characters that keep it from being used\na.yaml:1:3: warning: LOAD_UNUSED_LIST: list \"l m\" is not used"},
		"LOAD_COMPILE_CONDITION, field":  {files: rule("r", open+" and proc.name = proc.pname"), want: `a.yaml:2:46: warning: LOAD_COMPILE_CONDITION: r: "proc.pname" looks like a field and is taken as text (to compare with the field, write val(proc.pname))`},
		"LOAD_COMPILE_CONDITION, transformer": {files: rule("r", open+` and proc.name = "tolower(proc.pname)"`), want: "a.yaml:2:46: warning: LOAD_COMPILE_CONDITION: r: \"tolower(proc.pname)\" looks like a transformer and is taken as text (leave the quotes out)\n" +
			`a.yaml:2:46: warning: LINT_COMM_LENGTH: r: proc.name holds at most 15 bytes, never "tolower(proc.pname)" (cut it to 15 bytes, or compare with proc.exepath)`},
		"LOAD_COMPILE_CONDITION, regex": {files: rule("r", open+` and fd.name regex "/tmp/.*" and proc.cmdline regex ".*x.*"`), want: `a.yaml:2:48: warning: LOAD_COMPILE_CONDITION: r: the regular expression "/tmp/.*" is costly and not needed (write: fd.name startswith /tmp/)
a.yaml:2:81: warning: LOAD_COMPILE_CONDITION: r: the regular expression ".*x.*" is costly and not needed (write: proc.cmdline contains x)`},

		// What Falco does not say
		"BLIND":                             {files: rule("r", open+" and fd.sip.name = x"), want: "a.yaml:2:34: info: BLIND: r: fd.sip.name is always null here: names of hosts are not looked up: rules.resolve_names is off"},
		"BLIND without an address database": {files: rule("r", open+" and geo.country = CN"), want: "a.yaml:2:34: info: BLIND: r: geo.country is always null here: there is no address database: enrich.geoip"},
		"BLIND with one":                    {files: rule("r", open+" and geo.country = CN"), change: func(c *Config) { c.Places = true }, want: ""},
		"BLIND for posted events":           {files: rule("r", `geo(event.ip).country == "CN"`, "source: json"), want: "a.yaml:1:3: warning: BLIND: r: geo() knows no place: there is no address database: enrich.geoip"},
		"BLIND for an output":               {files: rule("r", "event.x == 1", "source: json", "dedupe: {by: [geo(event.ip).city]}"), want: "a.yaml:1:3: warning: BLIND: r: geo() knows no place: there is no address database: enrich.geoip"},
		"BLIND for a window":                {files: rule("r", "event.x == 1", "source: json", "window: {by: [event.u], changed: {field: geo(event.ip).city}}"), want: "a.yaml:1:3: warning: BLIND: r: geo() knows no place: there is no address database: enrich.geoip"},
		"BLIND for the key of a window":     {files: rule("r", "event.x == 1", "source: json", "dedupe: {by: [event.u]}", "window: {by: [geo(event.ip).country], within: 1m, count: {over: 2}}"), want: "a.yaml:1:3: warning: BLIND: r: geo() knows no place: there is no address database: enrich.geoip"},
		"BLIND for posted events with one":  {files: rule("r", `geo(event.ip).country == "CN"`, "source: json"), change: func(c *Config) { c.Places = true }, want: ""},
		"NO_EFFECT":                         {files: rule("r", open, "capture: true", "capture_duration: 500"), want: "a.yaml:6:3: info: NO_EFFECT: r: capture has no effect here (tocsin record writes captures)"},
		"ALIAS, event":                      {files: rule("r", "openat and proc.name = x"), want: `a.yaml:2:14: info: ALIAS: r: there is no macro "openat": understood as evt.type = openat`},
		"ALIAS, container":                  {files: rule("r", open+" and containerized"), want: `a.yaml:2:34: info: ALIAS: r: there is no macro "containerized": understood as container.id != host`},
		"ALIAS, bool":                       {files: rule("r", open+" and not container.privileged and proc.pid = 1"), want: "a.yaml:2:38: info: ALIAS: r: container.privileged without an operator is understood as container.privileged = true"},
		"ALIAS, priority":                   {files: strings.Replace(rule("r", open), "INFO", "Medium", 1), want: "a.yaml:5:13: info: ALIAS: r: priority Medium is understood as Warning"},
		"LINT_COMM_PATH":                    {files: rule("r", open+" and proc.aname[2] in (sh, /bin/bash)"), want: `a.yaml:2:56: warning: LINT_COMM_PATH: r: proc.aname[2] is a name without a path, never "/bin/bash" (compare with proc.aexepath[2])`},
		"LINT_COMM_LENGTH":                  {files: rule("r", open+" and proc.pname = a23456789012345 and proc.name != a234567890123456"), want: `a.yaml:2:80: warning: LINT_COMM_LENGTH: r: proc.name holds at most 15 bytes, never "a234567890123456" (cut it to 15 bytes, or compare with proc.exepath)`},
		"LINT_ALWAYS_TRUE":                  {files: rule("r", open+" and (proc.name != a or user.uid = 0 or not proc.name = b)"), want: `a.yaml:2:73: warning: LINT_ALWAYS_TRUE: r: holds whatever proc.name is: it differs from "a" or from "b" (write: not proc.name in (a, b))`},
		"LINT_ALWAYS_TRUE not of ancestors": {files: rule("r", open+" and (proc.aname != a or proc.aname != b)"), want: ""},
		"LINT_ALWAYS_TRUE not of hosts, which have many names": {files: rule("r", "evt.type = connect and (fd.sip.name != a or fd.sip.name != b)"), change: func(c *Config) { c.ResolveNames = true }, want: ""},
		"LINT_ALWAYS_TRUE not of a path with two names":        {files: rule("r", open+" and (fd.name != /bin/a or fd.name != /usr/bin/a)"), want: ""},
		"LINT_BARE_WORD":            {files: "- list: shells\n  items: [sh]\n" + rule("r", open+" and proc.name in shels and proc.pname in (shells)"), want: `a.yaml:4:47: warning: LINT_BARE_WORD: r: there is no list "shels": compared with the word itself (did you mean "shells"?)`},
		"LINT_REDEFINED, list":      {files: "- list: l\n  items: [a]\n" + used("l") + "====\n- list: l\n  items: [b]\n", want: `b.yaml:1:3: warning: LINT_REDEFINED: list "l" takes the place of the one at a.yaml:1:3 (when that is meant, say override: {items: replace})`},
		"LINT_REDEFINED, macro":     {files: "- macro: m\n  condition: evt.type = open\n" + rule("r", "m") + "====\n- macro: m\n  condition: evt.type = openat\n", want: `b.yaml:1:3: warning: LINT_REDEFINED: macro "m" takes the place of the one at a.yaml:1:3 (when that is meant, say override: {condition: replace})`},
		"LINT_REDEFINED, rule":      {files: rule("r", open) + "====\n" + rule("r", open+" and proc.pid = 1"), want: `b.yaml:1:3: warning: LINT_REDEFINED: rule "r" takes the place of the one at a.yaml:1:3 (when that is meant, say override: {condition: replace})`},
		"the same thing again":      {files: rule("r", open) + "====\n" + rule("r", " evt.type  =  open"), want: ""},
		"LINT_SHADOWED":             {files: rule("a", open+" and proc.name = x") + rule("b", "user.uid = 0 and (proc.name = x and evt.type=open)"), change: first, want: `a.yaml:6:3: warning: LINT_SHADOWED: b: never fires: whenever it holds, "a" at a.yaml:1:3 holds and comes first (put it before that rule, or set rules.matching to all)`},
		"LINT_SHADOWED not if all":  {files: rule("a", open) + rule("b", open), want: ""},
		"LINT_SHADOWED not by more": {files: rule("a", open+" and proc.name = x") + rule("b", open), change: first, want: ""},
		"LINT_IGNORED_KEY":          {files: rule("r", open) + "- rule: r\n  tags: [a]\n  enabled: false\n  override: {tags: append, enabled: replace}\n", want: ""},
		"LINT_IGNORED_KEY, append":  {files: rule("r", open) + "- rule: r\n  tags: [a]\n  enabled: false\n  append: true\n", want: "a.yaml:9:3: warning: LOAD_DEPRECATED_ITEM: r: append is deprecated (write override: {condition: append})\na.yaml:8:3: warning: LINT_IGNORED_KEY: r: enabled has no effect beside append: true (write override: {enabled: replace})"},
		"NO_IDENTITY": {files: rule("r", open, "dedupe: {by: [container.id, proc.pid]}") + rule("s", open, "dedupe: {by: [evt.rawtime, fd.cport, object]}"),
			want: "a.yaml:6:31: warning: NO_IDENTITY: r: dedupe.by: proc.pid is an id of a process or thread (" + identityHint + ")\n" +
				"a.yaml:12:17: warning: NO_IDENTITY: s: dedupe.by: evt.rawtime is a time (" + identityHint + ")\n" +
				"a.yaml:12:30: warning: NO_IDENTITY: s: dedupe.by: fd.cport is a port that the kernel picks (" + identityHint + ")"},
		"an escalation to every repeat": {files: rule("r", open, "dedupe: {escalate: 1}"), want: `a.yaml:6:22: error: LOAD_ERR_YAML_VALIDATE: r: dedupe.escalate: "1" is no factor (10 lets the 10th, 100th, 1000th occurrence pass, 0 none; 1 would let all of them)`},
		"a summary that is no switch":   {files: rule("r", open, "dedupe: {summary: maybe}"), want: `a.yaml:6:21: error: LOAD_ERR_YAML_VALIDATE: r: dedupe.summary: "maybe" is neither true nor false`},
		"LINT_NO_SUCH_RULE": {files: rule("Read", open, "tags: [file]"), change: func(c *Config) {
			c.Disable = []Pattern{{Rule: "Raed"}}
			c.Select = []Switch{{Enable: &Pattern{Tag: "flie"}}}
		}, want: "warning: LINT_NO_SUCH_RULE: rules.disable[0]: there is no rule \"Raed\" (did you mean \"Read\"?)\nwarning: LINT_NO_SUCH_RULE: rules.select[0]: there is no tag \"flie\" (did you mean \"file\"?)"},
	} {
		t.Run(sentence, func(t *testing.T) {
			cfg := DefaultConfig()
			if c.change != nil {
				c.change(&cfg)
			}
			var sources []Source
			for i, f := range strings.Split(c.files, "====\n") {
				sources = append(sources, Source{Name: string(rune('a'+i)) + ".yaml", Data: []byte(f)})
			}
			s, err := Parse(cfg, sources)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range s.Problems {
				got = append(got, p.String())
			}
			if diff := cmp.Diff(c.want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("problems (-want +got):\n%s\nof\n%s", diff, c.files)
			}
		})
	}
}

func TestAFileThatCannotBeReadHasItsCode(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rules.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, missing := Load(Config{Files: []string{"missing.yaml"}}, dir)
	if missing == nil || !errors.Is(missing, fs.ErrNotExist) || !strings.Contains(missing.Error(), "LOAD_ERR_FILE_READ") {
		t.Errorf("Load of a missing file = %v, want LOAD_ERR_FILE_READ", missing)
	}
	_, other := Load(Config{Files: []string{"rules.txt"}}, dir)
	if other == nil || !strings.Contains(other.Error(), "rules.txt: the name ends in neither .yaml nor .yml") {
		t.Errorf("Load of rules.txt = %v, want an error about its name", other)
	}
	if names, err := Expand([]string{"*"}, dir); err != nil || len(names) > 0 {
		t.Errorf("Expand(*) = %v, %v, want no file and no error", names, err)
	}
}
