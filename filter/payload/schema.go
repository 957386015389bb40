package payload

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/expr-lang/expr/types"

	"github.com/tocsin-security/tocsin/filter/syntax"
)

// Config is an entry of the sources block: one kind of structured event.
type Config struct {
	Schema map[string]any `yaml:"schema"` // member: type; none: any payload. See NewSchema.
}

// sourceName is what a source can be called: it stands in addresses and labels.
var sourceName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

// ValidateSource refuses names that a source of structured events cannot have.
func ValidateSource(name string) error {
	switch {
	case name == "syscall", name == "internal":
		return fmt.Errorf("%q is a source of its own: the kernel's events, and alerts about tocsin", name)
	case !sourceName.MatchString(name):
		return fmt.Errorf("source %q: a name is a lower-case letter, then letters, digits, _ and -", name)
	default:
		return nil
	}
}

// Schema says what members the events of a source have. A nil Schema allows every payload.
type Schema struct {
	kind    string
	members map[string]*Schema // of an object
	others  *Schema            // members that are not named; nil: there are none
	element *Schema            // of a list
}

// Types of values in a schema, beside objects and lists.
var scalars = map[string]types.Type{
	"string": types.String, "int": types.Int, "float": types.Float64, "bool": types.Bool, "any": types.Any,
}

// anyMember is the name in a schema that stands for all members that it does not name.
const anyMember = "*"

// NewSchema reads a schema: a mapping from member to a type (string, int, float, bool, any), to a mapping
// for an object, or to a list with one entry, the type of its elements. The member "*" stands for all
// that are not named. Errors begin with the path of the member.
func NewSchema(members map[string]any) (*Schema, error) {
	if members == nil {
		return nil, nil
	}
	return newSchema("", members)
}

func newSchema(path string, v any) (*Schema, error) {
	switch v := v.(type) {
	case string:
		if _, ok := scalars[v]; !ok {
			return nil, typeError(path, v)
		}
		return &Schema{kind: v}, nil
	case map[string]any:
		s := &Schema{kind: "object", members: map[string]*Schema{}}
		for _, name := range sortedKeys(v) {
			m, err := newSchema(below(path, name), v[name])
			if err != nil {
				return nil, err
			}
			if name == anyMember {
				s.others = m
			} else {
				s.members[name] = m
			}
		}
		return s, nil
	case []any:
		if len(v) != 1 {
			return nil, fmt.Errorf("%s: a list has one entry, the type of its elements: [string]", path)
		}
		element, err := newSchema(path, v[0])
		return &Schema{kind: "list", element: element}, err
	default:
		return nil, typeError(path, fmt.Sprint(v))
	}
}

func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func typeError(path, got string) error {
	names := slices.Sorted(maps.Keys(scalars))
	hint := syntax.DidYouMean(got, names)
	if hint == "" {
		hint = "a type is one of any, bool, float, int, string; an object is a mapping, a list is [type]"
	}
	return fmt.Errorf("%s: unknown type %q: %s", path, got, hint)
}

// exprType is the schema in the words of expr's type checker.
func (s *Schema) exprType() types.Type {
	switch {
	case s == nil:
		return types.Map{types.Extra: types.Any}
	case s.kind == "list":
		return types.Array(s.element.exprType())
	case s.kind != "object":
		return scalars[s.kind]
	}
	m := types.Map{}
	for name, member := range s.members {
		m[name] = member.exprType()
	}
	if s.others != nil {
		m[types.Extra] = s.others.exprType()
	}
	return m
}

// at is the schema of what stands at keys; nil when it is not known.
func (s *Schema) at(keys []any) *Schema {
	for _, key := range keys {
		if s == nil {
			return nil
		}
		name, isName := key.(string)
		switch {
		case s.kind == "list" && !isName:
			s = s.element
		case s.kind == "object" && isName && s.members[name] != nil:
			s = s.members[name]
		case s.kind == "object" && isName:
			s = s.others
		default:
			return nil
		}
	}
	return s
}

// check refuses a key that cannot stand behind keys.
func (s *Schema) check(keys []any, key any) error {
	s = s.at(keys)
	if s == nil || s.kind == "any" {
		return nil
	}
	name, isName := key.(string)
	switch {
	case s.kind == "list" && !isName, s.kind == "object" && isName && (s.members[name] != nil || s.others != nil):
		return nil
	case s.kind == "object" && isName:
		return &syntax.Error{Msg: fmt.Sprintf("the schema has no member %q here", name), Hint: s.nearest(name), Unknown: true}
	case isName:
		return &syntax.Error{Msg: fmt.Sprintf("there is no member %q: this is of type %s", name, s.kind), Unknown: true}
	default:
		return &syntax.Error{Msg: fmt.Sprintf("there is no element %v: this is of type %s", key, s.kind), Unknown: true}
	}
}

// nearest is a hint naming a member that name may stand for.
func (s *Schema) nearest(name string) string {
	if s == nil {
		return ""
	}
	return syntax.DidYouMean(name, slices.Sorted(maps.Keys(s.members)))
}
