package rules

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
)

// AppendOutput adds to the outputs of rules, whatever their files say. Entries are applied in order.
type AppendOutput struct {
	Match           AppendMatch  `yaml:"match"`            // which rules; default all
	ExtraOutput     string       `yaml:"extra_output"`     // joined to the output with a blank
	ExtraFields     []ExtraField `yaml:"extra_fields"`     // only in output_fields
	SuggestedOutput bool         `yaml:"suggested_output"` // joins what says where: container, image, pod; default false
}

// AppendMatch names rules: what is set has to hold.
type AppendMatch struct {
	Rule   string   `yaml:"rule"`   // name
	Source string   `yaml:"source"` // of events
	Tags   []string `yaml:"tags"`   // all of them
}

// ExtraField is a field by its name, or a name for a text with fields in it.
type ExtraField struct {
	Name   string
	Format string // "": the field's own value, as it is
}

// UnmarshalYAML reads NAME, or {NAME: FORMAT}. Of anything else the name stays empty, which Validate reports:
// it knows the place.
func (f *ExtraField) UnmarshalYAML(decode func(any) error) error {
	if decode(&f.Name) == nil {
		return nil
	}
	var named map[string]string
	if decode(&named) != nil || len(named) != 1 {
		return nil
	}
	for name, format := range named {
		if format != "" {
			f.Name, f.Format = name, format
		}
	}
	return nil
}

// suggestedOutput says where an event happened.
const suggestedOutput = "container_id=%container.id container_name=%container.name container_image_repository=%container.image.repository " +
	"container_image_tag=%container.image.tag k8s_pod_name=%k8s.pod.name k8s_ns_name=%k8s.ns.name"

// validate names what cannot be printed.
func (a AppendOutput) validate(path string) error {
	var errs []error
	if _, err := filter.ParseOutput(syntax.FixedText(a.ExtraOutput, syntax.Pos{})); err != nil {
		errs = append(errs, fmt.Errorf("%s.extra_output: %w", path, err))
	}
	for i, f := range a.ExtraFields {
		if _, err := f.compile(); err != nil {
			errs = append(errs, fmt.Errorf("%s.extra_fields[%d]: %w", path, i, err))
		}
	}
	return errors.Join(errs...)
}

func (a AppendOutput) applies(r *Rule) bool {
	return (a.Match.Rule == "" || a.Match.Rule == r.Name) && (a.Match.Source == "" || a.Match.Source == r.Source) &&
		!slices.ContainsFunc(a.Match.Tags, func(tag string) bool { return !slices.Contains(r.Tags, tag) })
}

// Extra is a field that is in an alert's fields and not in its text.
type Extra struct {
	Name   string
	Field  field.Ref
	Format *filter.Output // instead of Field, or nil
}

func (f ExtraField) compile() (Extra, error) {
	e := Extra{Name: f.Name}
	var err error
	if f.Name == "" {
		return e, errors.New("an extra field is the name of a field, or one name with its format")
	}
	if f.Format == "" {
		e.Field, err = filter.ParseField(syntax.FixedText(f.Name, syntax.Pos{}))
		if err == nil && e.Field.Def.FilterOnly {
			err = fmt.Errorf("%s can be compared but not printed", f.Name)
		}
	} else {
		e.Format, err = filter.ParseOutput(syntax.FixedText(f.Format, syntax.Pos{}))
	}
	return e, err
}

// appendOutput is output with what the configuration adds to it, and sets r.Extra.
func (b *builder) appendOutput(r *Rule, output syntax.Text) (syntax.Text, error) {
	for _, a := range b.cfg.AppendOutput {
		if !a.applies(r) {
			continue
		}
		texts := []string{a.ExtraOutput}
		if a.SuggestedOutput {
			texts = append(texts, suggestedOutput)
		}
		for _, text := range texts {
			if text != "" {
				output = syntax.Join(output.Trim(), syntax.FixedText(" "+text, output.Pos(len(output.String()))))
			}
		}
		for _, f := range a.ExtraFields {
			extra, err := f.compile()
			if err != nil {
				return output, err
			}
			r.Extra = append(r.Extra, extra)
		}
	}
	return output, nil
}
