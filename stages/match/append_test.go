package match

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/rules"
)

// What the configuration appends shows in the rules it is for, and in no other.
func TestAppendedOutput(t *testing.T) {
	cfg := rules.DefaultConfig()
	cfg.AppendOutput = []rules.AppendOutput{
		{ExtraFields: []rules.ExtraField{{Name: "proc.vpid"}, {Name: "evt.failed"}, {Name: "proc.aname[3]"}, {Name: "who", Format: "%user.name/%proc.pname"}}},
		{Match: rules.AppendMatch{Tags: []string{"a", "b"}, Source: "syscall"}, ExtraOutput: "cwd=%proc.cwd"},
		{Match: rules.AppendMatch{Rule: "second"}, SuggestedOutput: true},
		{Match: rules.AppendMatch{Tags: []string{"c"}}, ExtraOutput: "never"},
		{Match: rules.AppendMatch{Source: "json"}, ExtraOutput: "never"},
	}
	set, err := rules.Parse(cfg, []rules.Source{text(`
- {rule: first, desc: d, condition: evt.type = openat, output: "*one  ", priority: INFO, tags: [b, a]}
- {rule: second, desc: d, condition: evt.type = openat, output: two, priority: INFO, tags: [a]}
`)})
	if err != nil || set.Err() != nil {
		t.Fatal(err, set.Err())
	}
	m, err := New(Config{}, set)
	if err != nil {
		t.Fatal(err)
	}
	ev := shadowRead()
	ev.Proc.VPID, ev.Proc.CWD = 7, "/tmp/"
	got := alerts(m, ev)
	want := []string{
		"one cwd=/tmp/",
		"two container_id=0123456789ab container_name=web container_image_repository=nginx container_image_tag=1.25 k8s_pod_name=web-0 k8s_ns_name=shop",
	}
	for i, a := range got {
		if a.Output != want[i] {
			t.Errorf("output of %s = %q, want %q", a.Rule, a.Output, want[i])
		}
		extra := pipeline.Fields{}
		for _, name := range []string{"proc.vpid", "evt.failed", "proc.aname[3]", "who"} {
			if value, ok := a.OutputFields[name]; ok {
				extra[name] = value
			}
		}
		if diff := cmp.Diff(pipeline.Fields{"proc.vpid": int64(7), "evt.failed": false, "proc.aname[3]": nil, "who": "root/sh"}, extra); diff != "" {
			t.Errorf("extra fields of %s (-want +got):\n%s", a.Rule, diff)
		}
	}
	if _, ok := got[0].OutputFields["proc.cwd"]; !ok {
		t.Error("a field of the extra output is missing from output_fields")
	}
}
