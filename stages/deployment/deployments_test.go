package deployment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/store"
	"github.com/tocsin-security/tocsin/store/documents"
	"github.com/tocsin-security/tocsin/store/shared"
	"github.com/tocsin-security/tocsin/store/shared/redistest"
)

func openFile(t *testing.T) Documents {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tocsin.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s.Documents("deployments", 1000)
}

func openRedis(t *testing.T, url string) Documents {
	t.Helper()
	s, err := shared.Open(t.Context(), url+"?timeout=20s", documents.Scripts(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return documents.New(s, "deployments", 1000)
}

func open(t *testing.T, docs Documents) *Deployments {
	return New(t.Context(), DefaultConfig(), docs, slog.New(slog.DiscardHandler))
}

func put(t *testing.T, d *Deployments, all ...pipeline.Deployment) {
	t.Helper()
	if err := d.Put(t.Context(), all); err != nil {
		t.Fatalf("Put: %v", err)
	}
}

func deployed(version string, at time.Duration, selector ...string) pipeline.Deployment {
	d := pipeline.Deployment{Selector: map[string]string{}, Version: version, At: t0.Add(at)}
	for i := 0; i < len(selector); i += 2 {
		d.Selector[selector[i]] = selector[i+1]
	}
	return d
}

// told is what an alert of a time with labels is told.
func told(d *Deployments, at time.Duration, labels ...string) string {
	a := pipeline.Alert{Time: t0.Add(at), Labels: deployed("", 0, labels...).Selector}
	d.Annotate(&a)
	if a.Deployment == nil {
		return ""
	}
	return a.Deployment.Version
}

func TestAnnotate(t *testing.T) {
	d := open(t, openFile(t))
	web := []string{"k8s_ns_name", "shop", "container_name", "web"}
	by := deployed("v1.4.2", -12*time.Minute, web...)
	by.By, by.Commit, by.Link = "zhang.wei", "9fa81b2c3d4e5f60718293a4b5c6d7e8f9012345", "https://ci.example/1"
	put(t, d, by, deployed("v1.4.1", -5*time.Hour, web...), deployed("v1.4.0", -8*24*time.Hour, web...),
		deployed("ns", -12*time.Minute, "k8s_ns_name", "shop"), deployed("pods", -time.Hour, "k8s_ns_name", "shop", "k8s_pod_name", "db-*"))
	for name, test := range map[string]struct {
		at     time.Duration
		labels []string
		want   string
	}{
		"the latest one":                        {0, web, "v1.4.2"},
		"other labels do not matter":            {0, append([]string{"rule", "r"}, web...), "v1.4.2"},
		"between two rollouts":                  {-13*time.Minute - skew, web, "v1.4.1"},
		"as long before as clocks may disagree": {-12*time.Minute - skew, web, "v1.4.2"},
		"of two of one time the narrower":       {0, []string{"k8s_ns_name", "shop", "container_name", "web"}, "v1.4.2"},
		"the wider alone":                       {0, []string{"k8s_ns_name", "shop", "container_name", "db"}, "ns"},
		"the beginning of a pod's name":         {-30 * time.Minute, []string{"k8s_ns_name", "shop", "k8s_pod_name", "db-7f-x"}, "pods"},
		"another beginning":                     {-30 * time.Minute, []string{"k8s_ns_name", "shop", "k8s_pod_name", "dbx"}, ""},
		"another value":                         {0, []string{"k8s_ns_name", "shop2", "container_name", "web"}, ""},
		"a label is missing":                    {0, []string{"container_name", "web"}, ""},
		"no labels":                             {0, nil, ""},
		"before all":                            {-100 * 24 * time.Hour, web, ""},
		"too long ago":                          {8 * 24 * time.Hour, web, ""},
		"hours":                                 {3 * time.Hour, web, "v1.4.2"},
		"days":                                  {3 * 24 * time.Hour, web, "v1.4.2"},
	} {
		if got := told(d, test.at, test.labels...); got != test.want {
			t.Errorf("%s: told %q, want %q", name, got, test.want)
		}
	}
	a := pipeline.Alert{Time: t0, Labels: by.Selector}
	d.Annotate(&a)
	if diff := cmp.Diff(&by, a.Deployment); diff != "" {
		t.Errorf("Deployment (-want +got):\n%s", diff)
	}
}

// Posting again changes nothing; only so many of a selector are kept, of others none is lost for that; and a
// restart finds what there was.
func TestHistory(t *testing.T) {
	docs := openFile(t)
	d := open(t, docs)
	for i := range History + 3 {
		put(t, d, deployed(fmt.Sprint("v", i), time.Duration(i)*time.Hour, "a", "1"))
		put(t, d, deployed(fmt.Sprint("v", i), time.Duration(i)*time.Hour, "a", "1"))
	}
	put(t, d, deployed("other", -time.Hour, "a", "2"))
	var got []string
	for _, one := range open(t, docs).List() {
		got = append(got, one.Version)
	}
	if want := []string{"v7", "v6", "v5", "v4", "v3", "other"}; !slices.Equal(got, want) {
		t.Errorf("after a restart: %v, want %v", got, want)
	}
	if s := d.Stats(); s.Kept != History+1 || s.Posted != 2*(History+3)+1 {
		t.Errorf("Stats = %+v", s)
	}
}

func TestReplicas(t *testing.T) {
	server := redistest.Start(t)
	one, two := open(t, openRedis(t, server.URL())), open(t, openRedis(t, server.URL()))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- two.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	put(t, one, deployed("v1", 0, "a", "1"))
	redistest.Eventually(t, "the other replica tells it", func() bool { return told(two, 0, "a", "1") == "v1" })
	server.Stop()
	if err := one.Put(t.Context(), []pipeline.Deployment{deployed("v2", 0, "a", "1")}); !errors.Is(err, shared.ErrAway) {
		t.Errorf("Put while the store is away: %v, want ErrAway", err)
	}
	if got := told(two, 0, "a", "1"); got != "v1" {
		t.Errorf("while the store is away: told %q, want what was known", got)
	}
}

// The index finds what looking at all of them finds.
func TestIndexFindsWhatLookingAtAllFinds(t *testing.T) {
	label := rapid.SampledFrom([]string{"a", "b", "c"})
	value := rapid.SampledFrom([]string{"x", "y", "xy"})
	labels := rapid.MapOf(label, value)
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOf(rapid.Custom(func(t *rapid.T) pipeline.Deployment {
			d := deployed("", time.Duration(rapid.IntRange(0, 5).Draw(t, "at"))*time.Minute)
			d.Selector = rapid.MapOfN(label, rapid.SampledFrom([]string{"x", "y", "x*"}), 1, 3).Draw(t, "selector")
			return d
		})).Draw(t, "deployments")
		slices.SortStableFunc(all, func(a, b pipeline.Deployment) int { return b.At.Compare(a.At) })
		of, upTo := labels.Draw(t, "labels"), t0.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "upTo"))*time.Minute)
		var want *pipeline.Deployment
		for i, d := range all {
			matches := !d.At.After(upTo)
			for name, v := range d.Selector {
				begin, wild := strings.CutSuffix(v, "*")
				got, there := of[name]
				matches = matches && there && (got == v || wild && strings.HasPrefix(got, begin))
			}
			if matches && (want == nil || d.At.Equal(want.At) && len(d.Selector) > len(want.Selector)) {
				want = &all[i]
			}
		}
		got := newIndex(all).find(of, upTo)
		if (got == nil) != (want == nil) || got != nil && (!got.At.Equal(want.At) || len(got.Selector) != len(want.Selector)) {
			t.Fatalf("find(%v, %s) = %+v, want %+v", of, upTo, got, want)
		}
	})
}
