package enrich

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/enrich/container"
)

// told is what a runtime says of a container.
func told(id, name string) container.Described {
	return container.Described{Container: &pipeline.Container{ID: id, Name: name, Complete: true}}
}

func TestPodsGiveTheirContainersWhatIsTheirs(t *testing.T) {
	app := container.Described{Sandbox: "s", Container: &pipeline.Container{ID: "a", Complete: true}}
	labels := map[string]string{"app": "shop", container.LabelPodName: "shop-0", "io.cri-containerd.kind": "sandbox"}
	sandbox := container.Described{Sandbox: "s", Container: &pipeline.Container{ID: "s", Complete: true, Labels: labels, IP: "10.0.0.7"}}
	for sentence, order := range map[string][][]container.Described{
		"in one list":       {{app, sandbox}},
		"the sandbox first": {{sandbox}, {app}},
		"the sandbox last":  {{app}, {sandbox}},
	} {
		cache := newContainerCache()
		s := &share{cache: cache}
		for _, put := range order {
			s.Put(put...)
		}
		got := cache.get("a")
		if diff := cmp.Diff(map[string]string{"app": "shop"}, got.PodLabels); diff != "" || got.IP != "10.0.0.7" {
			t.Errorf("%s: address %q, pod labels (-want +got):\n%s", sentence, got.IP, diff)
		}
		if s := cache.get("s"); len(s.PodLabels) != 1 {
			t.Errorf("%s: pod labels of the sandbox = %v", sentence, s.PodLabels)
		}
	}
	if app.Container.PodLabels != nil {
		t.Error("what a runtime told was changed: others may be reading it")
	}
}

func TestRemovedContainersAreRememberedForAWhile(t *testing.T) {
	cache := newContainerCache()
	s := &share{cache: cache}
	s.Put(told("a", "web"))
	s.Remove("a")
	s.Remove("never heard of")
	if cache.get("a") == nil || len(cache.removed) != 1 {
		t.Errorf("just removed: container %v, removed %v", cache.get("a"), cache.removed)
	}
	s.answered([]container.Described{told("a", "web")})
	if len(cache.removed) != 1 {
		t.Error("an answer that the end overtook made the container live for ever")
	}
	if known := cache.prune(time.Now().Add(keepRemoved + time.Second)); known["a"] != nil || len(cache.removed) != 0 || len(cache.records) != 0 {
		t.Errorf("a while later: containers %v, removed %v, records %v", known, cache.removed, cache.records)
	}
}

func TestAListSaysWhatIsGone(t *testing.T) {
	cache := newContainerCache()
	s, other := &share{cache: cache}, &share{cache: cache}
	s.Put(told("gone", ""), told("there", ""))
	other.Put(told("other's", ""))
	began := time.Now()
	s.Put(told("made since", ""))
	s.Listed(began, []string{"there"})
	if _, gone := cache.removed["gone"]; !gone || len(cache.removed) != 1 {
		t.Errorf("removed = %v, want what was not listed and nothing else", cache.removed)
	}
}

func TestWhoseWordStands(t *testing.T) {
	cache := newContainerCache()
	docker, containerd, user := &share{cache: cache}, &share{cache: cache}, &share{cache: cache, users: true}
	borrowed := told("a", "0123")
	borrowed.Borrowed = true
	steps := []struct {
		sentence string
		do       func()
		want     string
	}{
		{"a user's word is better than none", func() { user.Put(told("a", "nginx")) }, "nginx"},
		{"root's runtime knows better", func() { containerd.Put(borrowed) }, "0123"},
		{"a user's word does not stand against it", func() { user.Put(told("a", "nginx")) }, "0123"},
		{"whose container it is knows better still", func() { docker.Put(told("a", "web")) }, "web"},
		{"what was borrowed does not stand against it", func() { containerd.Put(borrowed) }, "web"},
		{"its own new name does", func() { docker.Put(told("a", "shop")) }, "shop"},
	}
	for _, s := range steps {
		s.do()
		if got := cache.get("a").Name; got != s.want {
			t.Errorf("%s: name = %q, want %q", s.sentence, got, s.want)
		}
	}
	containerd.Remove("a")
	if len(cache.removed) != 0 {
		t.Error("it was removed by one whose container it is not")
	}
	docker.Remove("a")
	if user.Put(told("a", "nginx")); cache.get("a").Name != "shop" {
		t.Error("a user's word stands against root's on a container that has just gone")
	}
}

// A user's runtime may be the first to tell of a container of root's, whose runtime tells of it when it is asked.
func TestAUsersWordKeepsNobodyFromAsking(t *testing.T) {
	cache := newContainerCache()
	root, user := &share{cache: cache}, &share{cache: cache, users: true}
	user.Put(told("a", "nginx"))
	user.Put(told("a", "trusted"))
	if !user.Known("a") || root.Known("a") || cache.settled("a") {
		t.Errorf("after a user's word alone it is known to that runtime (%v), to root's (%v) and settled (%v)", user.Known("a"), root.Known("a"), cache.settled("a"))
	}
	if n := len(cache.asks); n != 1 {
		t.Errorf("%d questions to root's runtimes, want one", n)
	}
	user.Remove("a")
	root.answered([]container.Described{told("a", "evil")})
	if name := cache.get("a").Name; name != "evil" || len(cache.removed) > 0 {
		t.Errorf("name = %q, want what root's runtime answers, whoever says that the container is gone", name)
	}
	if !user.Known("a") || !root.Known("a") || !cache.settled("a") {
		t.Error("what root's runtime told is not known to all")
	}
}

func TestAUsersSandboxGivesRootsContainersNothing(t *testing.T) {
	cache := newContainerCache()
	root, user := &share{cache: cache}, &share{cache: cache, users: true}
	app := container.Described{Sandbox: "s", Container: &pipeline.Container{ID: "a", Complete: true}}
	root.Put(app)
	user.Put(container.Described{Sandbox: "s", Container: &pipeline.Container{ID: "s", Labels: map[string]string{"team": "trusted"}, Complete: true}})
	root.Put(app)
	if labels := cache.get("a").PodLabels; len(labels) != 0 {
		t.Errorf("pod labels = %v, want none of a user's making", labels)
	}
}

func TestAUsersRuntimeMayNotFillTheMemory(t *testing.T) {
	cache := newContainerCache()
	user := &share{cache: cache, users: true}
	for i := range maxUsers + 10 {
		user.Put(told(fmt.Sprint(i), ""))
	}
	big := told("0", strings.Repeat("x", maxUsersText))
	user.Put(big)
	mounted := told("0", "mounted")
	mounted.Container.Mounts = make([]pipeline.Mount, maxUsersText/8)
	user.Put(mounted)
	if n := len(cache.records); n != maxUsers || cache.get("0").Name != "" {
		t.Errorf("it told of %d containers, want %d, and a name of %d bytes", n, maxUsers, len(cache.get("0").Name))
	}
}

func TestOnlyWhatIsNewCountsAsAChange(t *testing.T) {
	cache := newContainerCache()
	s := &share{cache: cache}
	s.Put(told("a", "web"))
	first, changes := cache.get("a"), cache.changes.Load()
	s.Put(told("a", "web"))
	if cache.get("a") != first || cache.changes.Load() != changes {
		t.Error("the same told again is a change")
	}
	s.Put(told("a", "shop"))
	if cache.changes.Load() == changes {
		t.Error("another name is no change")
	}
}

// A process that is known already sees its container's new name, and keeps it when the container is gone.
func TestProcessesSeeWhatChanges(t *testing.T) {
	_, a := newWorld(t)
	e := newEnricher()
	e.accounts = a
	s := &share{cache: e.cache}
	s.Put(told("c", "web"))
	p := &pipeline.Process{PID: 7, ContainerID: "c"}
	for _, step := range []struct {
		do   func()
		want string
	}{
		{func() {}, "web"},
		{func() { s.Put(told("c", "shop")) }, "shop"},
		{func() { e.cache.forget("c") }, "shop"},
		{func() { s.Put(told("c", "again")) }, "again"},
	} {
		step.do()
		if e.Resolve(p); p.Container.Name != step.want {
			t.Errorf("name = %q, want %q", p.Container.Name, step.want)
		}
	}
	if n := e.Stats().Asked; n != 0 {
		t.Errorf("%d questions for a container that was known", n)
	}
}
