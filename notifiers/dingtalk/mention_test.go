package dingtalk

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/notifiers/notifiertest"
	"github.com/tocsin-security/tocsin/notifiers/robottest"
	"github.com/tocsin-security/tocsin/pipeline"
)

func TestNotifyMentionsThePeopleOnCall(t *testing.T) {
	robot := robottest.DingTalk(robottest.Options{Key: token, Secret: secret})
	n := newRobot(t, serve(t, robot), nil)
	m := notifiertest.Message()
	m.Mentions = []pipeline.Person{
		{Name: "Li Na", DingTalk: "manager42", Mobile: "13800000001"},
		{Name: "Wang Wei", Mobile: "+86 138-0000-0000"}, {Name: "by mail only", Email: "a@example.org"},
	}
	if err := n.Notify(t.Context(), m); err != nil {
		t.Fatalf("Notify = %v", err)
	}
	p := robot.Posts()[0]
	if diff := cmp.Diff([]string{"13800000000", "manager42"}, p.Mentions); diff != "" {
		t.Errorf("mentions (-want +got):\n%s", diff)
	}
	if !strings.Contains(p.Text, "@13800000000 @manager42") {
		t.Errorf("the text does not call them: %q", p.Text)
	}
}
