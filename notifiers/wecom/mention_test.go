package wecom

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/notifiers/notifiertest"
	"github.com/tocsin-security/tocsin/notifiers/robottest"
	"github.com/tocsin-security/tocsin/pipeline"
)

func TestNotifyMentionsThePeopleOnCall(t *testing.T) {
	robot := robottest.WeCom(robottest.Options{Key: key})
	n := newRobot(t, serve(t, robot), func(c *Config) { c.MentionedList = []string{"boss"} })
	m := notifiertest.Message()
	m.Mentions = []pipeline.Person{
		{Name: "Li Na", WeCom: "lina", Mobile: "13800000001"},
		{Name: "Wang Wei", Mobile: "+86 138-0000-0000"},
		{Name: "the boss", WeCom: "boss"}, {Name: "by mail only", Email: "a@example.org"},
	}
	if err := n.Notify(t.Context(), m); err != nil {
		t.Fatalf("Notify = %v", err)
	}
	var got [][]string
	for _, p := range robot.Posts() {
		got = append(got, p.Mentions)
	}
	if diff := cmp.Diff([][]string{{"boss", "lina"}, {"13800000000"}}, got); diff != "" {
		t.Errorf("mentions of each post (-want +got):\n%s", diff)
	}
}
