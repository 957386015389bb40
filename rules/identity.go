package rules

import (
	"fmt"
	"strconv"

	"github.com/tocsin-security/tocsin/filter"
	"github.com/tocsin-security/tocsin/filter/field"
	"github.com/tocsin-security/tocsin/filter/syntax"
)

// Object stands for the file or the remote address in an identity; it is no field of the rule language.
const Object = "object"

// identityHint says what to write in place of a field that cannot tell one thing from another.
const identityHint = "name what it happens to and by which program, as container.id, proc.exepath, fd.name or fd.sip and fd.sport: else every occurrence is told"

// checkIdentity warns about a field of dedupe.by that is another with nearly every occurrence.
func (b *builder) checkIdentity(r *Rule, f field.Ref, at syntax.Pos) {
	if why := noIdentity(f); why != "" {
		b.problems.add(Warning, NoIdentity, r.Name, at, fmt.Sprintf("%s: dedupe.by: %s is %s", r.Name, f.Text, why), identityHint)
	}
}

func noIdentity(f field.Ref) string {
	if f.Def == nil {
		return ""
	}
	return f.Def.NoIdentity()
}

// ValidateIdentity says what is wrong with the fields of an identity that holds for all rules; errors begin
// with their place in the list.
func ValidateIdentity(names []string) (errs []error) {
	for i, name := range names {
		if name == Object {
			continue
		}
		at := "by[" + strconv.Itoa(i) + "]: "
		f, err := filter.ParseField(syntax.NewText(name, syntax.Pos{}))
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf(at+"%w", err))
		case noIdentity(f) != "":
			errs = append(errs, fmt.Errorf(at+"%s is %s: %s", name, noIdentity(f), identityHint))
		}
	}
	return errs
}

// dedupeKey reads a key of dedupe other than by and for.
func (b *builder) dedupeKey(entry Key, r *Rule) error {
	t, err := entry.Text()
	if err != nil {
		return err
	}
	switch entry.Name {
	case "escalate":
		n, err := strconv.ParseUint(t.String(), 10, 32)
		if err != nil || n == 1 {
			return &syntax.Error{At: t.Pos(0), Msg: fmt.Sprintf("dedupe.escalate: %q is no factor", t),
				Hint: "10 lets the 10th, 100th, 1000th occurrence pass, 0 none; 1 would let all of them"}
		}
		r.DedupeEscalate = &n
	case "summary":
		on, err := strconv.ParseBool(t.String())
		if err != nil {
			return &syntax.Error{At: t.Pos(0), Msg: fmt.Sprintf("dedupe.summary: %q is neither true nor false", t)}
		}
		r.DedupeSummary = &on
	default:
		return &syntax.Error{At: entry.At, Msg: fmt.Sprintf("dedupe: unknown key %q", entry.Name), Hint: "the keys are by, for, escalate and summary"}
	}
	return nil
}
