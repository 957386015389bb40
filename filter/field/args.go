package field

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/tocsin-security/tocsin/pipeline"
)

// argument is one named argument of an event as the rule language sees it, always as text.
type argument struct {
	name string
	get  func(*View) (string, bool)
}

// argFields are evt.arg.NAME, evt.arg[N] and evt.args, all read from the one table of arguments.
func argFields() []Def {
	return []Def{
		{Name: "evt.arg", Type: String, Arg: NeedsKey, DotArg: true, Resolved: true, bind: bindArgument,
			Doc: "argument of the event by name or number, as text: names of flags and errors, absolute paths"},
		str("evt.args", "all arguments as name=value, joined by blanks", allArguments),
		str("evt.info", "the same as evt.args", allArguments),
		rawArgField(),
	}
}

func allArguments(v *View) (string, bool) {
	// Values are built first: they lie in the same memory as the text under construction.
	var values [maxArguments]string
	var known [maxArguments]bool
	list := arguments()[v.Ev.Type]
	for i, a := range list {
		values[i], known[i] = a.get(v)
	}
	start := len(v.buf)
	for i, a := range list {
		if !known[i] {
			continue
		}
		if len(v.buf) > start {
			v.buf = append(v.buf, ' ')
		}
		v.buf = append(append(append(v.buf, a.name...), '='), values[i]...)
	}
	return view(v.buf[start:]), true
}

// bindArgument finds an argument in every event that has one of that name or number.
func bindArgument(arg string) (Getter, error) {
	var byType [pipeline.NumEventTypes]func(*View) (string, bool)
	found := false
	index, numeric := -1, false
	if n, err := strconv.Atoi(arg); err == nil && n >= 0 {
		index, numeric, found = n, true, true
	}
	for t, list := range arguments() {
		i := index
		if !numeric {
			i = slices.IndexFunc(list, func(a argument) bool { return a.name == arg })
		}
		if i >= 0 && i < len(list) {
			byType[t], found = list[i].get, true
		}
	}
	if !found && !slices.Contains(strings.Fields(otherArguments), arg) {
		return Getter{}, fmt.Errorf("%w: no event has an argument %q", ErrUnknown, arg)
	}
	return Getter{Str: func(v *View) (string, bool) {
		if get := byType[v.Ev.Type]; get != nil {
			return get(v)
		}
		return "", false
	}}, nil
}

// otherArguments exist in Falco's events and are null here.
const otherArguments = `ID action buf count data_fd event exe_ino_ctime exe_ino_mtime fdin fdlimit fdout how in_fd
	initval key level maxevents msgcontrol nativeID newcur newmax niovs offset op optlen optname pgft_maj
	pgft_min pos prot resource source special timeout val vm_rss vm_size vm_swap whence core`

// maxArguments is the longest list of arguments; a test holds the table to it.
const maxArguments = 32

var arguments = sync.OnceValue(func() *[pipeline.NumEventTypes][]argument {
	var table [pipeline.NumEventTypes][]argument
	set := func(args []argument, types ...pipeline.EventType) {
		for _, t := range types {
			table[t] = args
		}
	}
	openArguments(set)
	fileArguments(set)
	taskArguments(set)
	identityArguments(set)
	descriptorArguments(set)
	socketArguments(set)
	return &table
})

type setArguments = func(args []argument, types ...pipeline.EventType)
