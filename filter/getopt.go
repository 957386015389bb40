package filter

import (
	"strings"

	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
)

// getopt reads short options out of a list of arguments, as getopt(3) without permutation would: up to the
// first argument that is no option, or "--". With an option in brackets it is that option's value; else the
// list of all options found, each with its value behind it, and "?" for one that is not in optstring.
func getopt(o syntax.Operand, list, optstring field.Ref) field.Getter {
	if !o.HasArg {
		return field.Getter{List: func(v *field.View) ([]string, bool) {
			args, options, ok := getoptInput(v, list, optstring)
			if !ok {
				return nil, false
			}
			return v.BuildList(func(dst []string) []string {
				for scan := (optionScan{args: args, options: options}); scan.next(); {
					switch {
					case scan.known && scan.missing:
						dst = append(dst, "")
					case scan.known && scan.takesValue:
						dst = append(dst, scan.name, scan.value)
					default:
						dst = append(dst, scan.name)
					}
				}
				return dst
			}), true
		}}
	}
	wanted := o.Arg
	return field.Getter{Str: func(v *field.View) (value string, found bool) {
		args, options, ok := getoptInput(v, list, optstring)
		if !ok {
			return "", false
		}
		for scan := (optionScan{args: args, options: options}); scan.next(); {
			if !scan.known || scan.name != wanted {
				continue
			}
			found, value = true, scan.name // of an option without a value, its name
			if scan.takesValue {
				value = scan.value
			}
		}
		return value, found
	}}
}

func getoptInput(v *field.View, list, optstring field.Ref) (args []string, options string, ok bool) {
	if options, ok = optstring.Str(v); !ok {
		return nil, "", false
	}
	args, ok = list.List(v)
	return args, options, ok
}

// optionScan goes from option to option.
type optionScan struct {
	args    []string
	options string // which there are; those followed by a colon take a value
	cluster string // what is left of an argument such as -xvf

	// The option found last.
	name       string // one character; "?" when unknown
	value      string
	known      bool
	takesValue bool
	missing    bool // its value
}

func (s *optionScan) next() bool {
	for s.cluster == "" {
		if len(s.args) == 0 {
			return false
		}
		arg := s.args[0]
		switch {
		case arg == "--" || len(arg) < 2 || arg[0] != '-':
			return false
		case arg[1] != '-': // long options are passed over
			s.cluster = arg[1:]
		}
		s.args = s.args[1:]
	}
	s.name, s.cluster = s.cluster[:1], s.cluster[1:]
	s.value, s.missing, s.takesValue = "", false, false
	i := strings.Index(s.options, s.name)
	if s.known = i >= 0 && s.name != ":"; !s.known {
		s.name = "?"
		return true
	}
	if s.takesValue = strings.HasPrefix(s.options[i+1:], ":"); !s.takesValue {
		return true
	}
	switch {
	case s.cluster != "":
		s.value, s.cluster = s.cluster, ""
	case len(s.args) > 0:
		s.value, s.args = s.args[0], s.args[1:]
	default:
		s.missing = true
	}
	return true
}
