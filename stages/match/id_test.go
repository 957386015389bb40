package match

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/tocsin-security/tocsin/pipeline"
)

func TestAlertIDIsAFunctionOfRuleAndEvent(t *testing.T) {
	again := shadowRead()
	again.Num, again.CPU = 77, 3 // what a recorder may see in another way
	first := alertID("Shadow read", shadowRead())
	if got := alertID("Shadow read", again); got != first {
		t.Errorf("the same event and rule have the ids %s and %s", first, got)
	}
	id, err := uuid.Parse(first)
	if err != nil || id.Version() != 8 || id.Variant() != uuid.RFC4122 {
		t.Errorf("id %s is version %v, variant %v, %v; want 8 of RFC 9562", first, id.Version(), id.Variant(), err)
	}
	seen := map[string]string{first: "the first"}
	for what, change := range map[string]func(*pipeline.Event) (rule string){
		"another rule":                          func(*pipeline.Event) string { return "Shadow reads" },
		"another thread":                        func(ev *pipeline.Event) string { ev.TID++; return "" },
		"another nanosecond":                    func(ev *pipeline.Event) string { ev.Time++; return "" },
		"another host":                          func(ev *pipeline.Event) string { ev.Host = "node-2"; return "" },
		"another process with the same numbers": func(ev *pipeline.Event) string { ev.Proc.Start++; return "" },
		"another kind of event":                 func(ev *pipeline.Event) string { ev.Type = pipeline.EventOpen; return "" },
		"a rule that begins where the host ends": func(ev *pipeline.Event) string {
			ev.Host = "node-"
			ev.Source = "1syscall"
			return ""
		},
	} {
		ev := shadowRead()
		rule := change(ev)
		if rule == "" {
			rule = "Shadow read"
		}
		got := alertID(rule, ev)
		if other, taken := seen[got]; taken {
			t.Errorf("%s has the id of %s: %s", what, other, got)
		}
		seen[got] = what
	}
	if got := alertID("r", &pipeline.Event{}); got == "" {
		t.Error("an event of no process has no id")
	}
}

func TestAlertIDsSortByTime(t *testing.T) {
	var ids []string
	ev := shadowRead()
	for range 1000 {
		ids = append(ids, alertID("r", ev))
		ev.Time += 999_700 // crosses milliseconds at every place
	}
	if !slices.IsSorted(ids) {
		t.Errorf("ids of later events do not sort after earlier ones: %v …", ids[:4])
	}
}
