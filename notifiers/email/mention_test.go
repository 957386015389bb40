package email

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/notifiers/notifiertest"
	"github.com/tocsin-security/tocsin/pipeline"
)

func TestNotifyMailsThePeopleOnCall(t *testing.T) {
	s := startServer(t, serverOptions{})
	msg := notifiertest.Message()
	msg.Mentions = []pipeline.Person{
		{Name: "Li Na", Email: "lina@example.org"}, {Name: "there already", Email: "audit@example.org"}, {Name: "no mail", Mobile: "1"},
	}
	if err := newMailer(t, s, nil).Notify(t.Context(), msg); err != nil {
		t.Fatalf("Notify = %v", err)
	}
	got := s.taken()[0].to
	slices.Sort(got)
	if diff := cmp.Diff([]string{"audit@example.org", "lina@example.org", "oncall@example.org"}, got); diff != "" {
		t.Errorf("recipients (-want +got):\n%s", diff)
	}
}
