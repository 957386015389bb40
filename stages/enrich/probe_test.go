package enrich

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	criapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/tocsin-security/tocsin/stages/enrich/runtimetest"
)

func TestProbeTellsSocketsApart(t *testing.T) {
	dir := t.TempDir()
	deaf := filepath.Join(dir, "deaf")
	l, err := net.Listen("unix", deaf)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // as a runtime that was killed leaves it
	l.Close()
	got := Probe(t.Context(), ContainersConfig{Sockets: Sockets{deaf, dir + "/none"}})
	if len(got) != 2 || !got[0].Found || got[0].Answers || !strings.Contains(got[0].Why, "connection refused") {
		t.Errorf("Probe of a socket nobody serves = %+v", got)
	}
	if len(got) == 2 && (got[1].Found || got[1].Answers || got[1].Why != "") {
		t.Errorf("Probe of a path that is not there = %+v", got[1])
	}
}

func TestProbeAsksContainerd(t *testing.T) {
	r := runtimetest.StartContainerd(t)
	got := Probe(t.Context(), ContainersConfig{Sockets: Sockets{r.Socket}})
	if len(got) != 1 || !got[0].Answers || got[0].Version == "" || got[0].Why != "" {
		t.Errorf("Probe of a containerd = %+v", got)
	}
}

func TestProbeTellsRuntimesApart(t *testing.T) {
	dir := t.TempDir()
	fakeDocker(t, dir+"/d.sock", "web", 0)
	hang(t, dir+"/h.sock")
	want := []Socket{{Path: dir + "/d.sock", Found: true, Answers: true, Kind: "docker", Version: "1"}, {Path: dir + "/h.sock", Found: true}}
	got := Probe(t.Context(), ContainersConfig{Sockets: Sockets{dir + "/d.sock", dir + "/h.sock"}})
	if len(got) == 2 && strings.Contains(got[1].Why, "does not answer") {
		got[1].Why = ""
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Probe (-want +got):\n%s", diff)
	}
	if err := os.Symlink("d.sock", dir+"/link.sock"); err != nil {
		t.Fatal(err)
	}
	if got := Probe(t.Context(), ContainersConfig{Sockets: Sockets{dir + "/link.sock", dir + "/d.sock"}}); len(got) != 1 {
		t.Errorf("Probe of one runtime by two paths = %+v, want it once", got)
	}
	got = Probe(t.Context(), ContainersConfig{Sockets: Sockets{"cri:" + dir + "/d.sock"}})
	if len(got) != 1 || got[0].Answers || got[0].Why == "" {
		t.Errorf("Probe of Docker as CRI = %+v", got)
	}
}

// criOnly serves CRI and nothing else, as CRI-O does.
type criOnly struct {
	criapi.UnimplementedRuntimeServiceServer
}

func (criOnly) Version(context.Context, *criapi.VersionRequest) (*criapi.VersionResponse, error) {
	return &criapi.VersionResponse{RuntimeName: "cri-o", RuntimeVersion: "1.32.1"}, nil
}

func TestProbeFindsOutWhoSpeaksCRIOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	criapi.RegisterRuntimeServiceServer(s, criOnly{})
	go s.Serve(l) // ends with Stop
	t.Cleanup(s.Stop)
	want := []Socket{{Path: path, Found: true, Answers: true, Kind: "cri-o", Version: "1.32.1"}}
	if diff := cmp.Diff(want, Probe(t.Context(), ContainersConfig{Sockets: Sockets{path}})); diff != "" {
		t.Errorf("Probe (-want +got):\n%s", diff)
	}
}
