package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
	"github.com/tocsin-security/tocsin/pipeline"
)

// newFieldsCommand lists what rules can ask for.
func newFieldsCommand() *cobra.Command {
	var asJSON, markdown bool
	cmd := &cobra.Command{
		Use:   "fields [CLASS]",
		Short: "List the fields that rules can use, and which are not available here",
		Long: "fields lists every field of the rule language, or those of one class (evt, proc, fd, …): its type, the argument\n" +
			"it takes, what it means and where its values come from. One that Falco has and that is always null here says why.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			fields, err := listFields(args)
			if err != nil {
				return err
			}
			switch {
			case asJSON:
				return printJSON(cmd.OutOrStdout(), fields)
			case markdown:
				return fieldsMarkdown(cmd.OutOrStdout(), fields)
			default:
				return fieldsText(cmd.OutOrStdout(), fields)
			}
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return fieldClasses(), cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON array")
	cmd.Flags().BoolVar(&markdown, "markdown", false, "print a table in Markdown")
	cmd.MarkFlagsMutuallyExclusive("json", "markdown")
	return cmd
}

// fieldInfo is what is told of a field.
type fieldInfo struct {
	Name        string `json:"name"`
	Type        string `json:"type"`
	List        bool   `json:"list,omitempty"`
	Argument    string `json:"argument,omitempty"`    // [index], [key]; in parentheses when it may be left out
	FilterOnly  bool   `json:"filter_only,omitempty"` // conditions can use it, outputs cannot
	OutputOnly  bool   `json:"output_only,omitempty"` // outputs of rules with a window can use it, conditions cannot
	Meaning     string `json:"meaning"`
	Source      string `json:"source"`
	Available   bool   `json:"available"`
	Unavailable string `json:"unavailable,omitempty"` // why it is always null here
}

var argumentKinds = map[field.ArgKind]string{
	field.MayIndex: "([index])", field.NeedsIndex: "[index]", field.MayKey: "([key])", field.NeedsKey: "[key]",
}

func listFields(class []string) ([]fieldInfo, error) {
	if len(class) > 0 && !slices.Contains(fieldClasses(), class[0]) {
		return nil, &syntax.Error{Msg: fmt.Sprintf("there is no class of fields %q", class[0]), Hint: "the classes are " + strings.Join(fieldClasses(), ", ")}
	}
	var fields []fieldInfo
	for _, d := range field.All() {
		if len(class) > 0 && d.Class() != class[0] {
			continue
		}
		fields = append(fields, fieldInfo{
			Name: d.Name, Type: d.Type.String(), List: d.IsList, Argument: argumentKinds[d.Arg], FilterOnly: d.FilterOnly,
			Meaning: d.Doc, Source: d.Source, Available: d.Unavailable == "", Unavailable: d.Unavailable,
		})
	}
	if len(class) == 0 || class[0] == windowClass {
		fields = append(fields, windowFields()...)
	}
	slices.SortStableFunc(fields, func(a, b fieldInfo) int { return strings.Compare(a.Name, b.Name) })
	return fields, nil
}

// windowClass are the fields of rules with a window.
const windowClass = "window"

func windowFields() []fieldInfo {
	var fields []fieldInfo
	for _, f := range pipeline.SightFields() {
		source := "window"
		if f.Clause != "" {
			source += ": " + f.Clause
		}
		fields = append(fields, fieldInfo{Name: f.Name, Type: f.Type, OutputOnly: true, Meaning: f.Meaning, Source: source, Available: true})
	}
	return fields
}

func fieldClasses() []string {
	classes := []string{windowClass}
	for _, d := range field.All() {
		if !slices.Contains(classes, d.Class()) {
			classes = append(classes, d.Class())
		}
	}
	slices.Sort(classes)
	return classes
}

// kind is the type as people read it.
func (f fieldInfo) kind() string {
	if f.List {
		return "list of " + f.Type
	}
	return f.Type
}

// about is the meaning, or why there is none here.
func (f fieldInfo) about() string {
	switch {
	case !f.Available:
		return "not available: " + f.Unavailable
	case f.FilterOnly:
		return f.Meaning + " (conditions only)"
	case f.OutputOnly:
		return f.Meaning + " (outputs of rules with a window only)"
	default:
		return f.Meaning
	}
}

func fieldsText(out io.Writer, fields []fieldInfo) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range fields {
		fmt.Fprintf(w, "%s%s\t%s\t%s\t%s\n", f.Name, f.Argument, f.kind(), f.Source, f.about()) // Flush has the error
	}
	return w.Flush()
}

func fieldsMarkdown(out io.Writer, fields []fieldInfo) error {
	var b strings.Builder
	b.WriteString("| field | type | source | meaning |\n|---|---|---|---|\n")
	for _, f := range fields {
		fmt.Fprintf(&b, "| `%s%s` | %s | %s | %s |\n", f.Name, f.Argument, f.kind(), f.Source, inCell(f.about()))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// inCell is text that cannot end a table's cell, or be taken for markup.
func inCell(s string) string {
	return strings.NewReplacer("|", `\|`, "<", `\<`, "*", `\*`, "_", `\_`).Replace(s)
}
