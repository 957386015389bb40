package containerd

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"testing"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	criapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/tocsin-security/tocsin/stages/enrich/container"
)

// fake is a containerd with one pod, whose record has no address yet.
type fake struct {
	containersapi.UnimplementedContainersServer
	criapi.UnimplementedRuntimeServiceServer
	spec string
}

func (f fake) Get(_ context.Context, req *containersapi.GetContainerRequest) (*containersapi.GetContainerResponse, error) {
	const app = `{"annotations": {"io.kubernetes.cri.sandbox-id": "pod"}, "linux": {"maskedPaths": ["/proc/kcore"]}}`
	switch req.GetID() {
	case "pod":
		return &containersapi.GetContainerResponse{Container: made("pod", "pause:3", f.spec, map[string]string{labelKind: "sandbox"})}, nil
	case "app":
		return &containersapi.GetContainerResponse{Container: made("app", "", app, nil)}, nil
	default:
		return nil, status.Error(codes.NotFound, "no such container")
	}
}

func (f fake) PodSandboxStatus(_ context.Context, req *criapi.PodSandboxStatusRequest) (*criapi.PodSandboxStatusResponse, error) {
	if req.GetPodSandboxId() != "pod" {
		return nil, status.Error(codes.NotFound, "no such pod")
	}
	return &criapi.PodSandboxStatusResponse{Status: &criapi.PodSandboxStatus{Network: &criapi.PodSandboxNetworkStatus{Ip: "10.0.0.7"}}}, nil
}

// serve is a connection to a server of what is registered.
func serve(t *testing.T, register func(*grpc.Server)) *grpc.ClientConn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	register(s)
	go s.Serve(l) // ends with Stop
	t.Cleanup(s.Stop)
	conn, err := grpc.NewClient("unix://"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// A pod's address is asked for over CRI where the plugin's record was written before the network was there;
// a pod in the host's network has none, whatever CRI says.
func TestAPodsAddressIsAskedFor(t *testing.T) {
	for spec, want := range map[string]string{
		`{"linux": {"namespaces": [{"type": "network", "path": "/run/netns/x"}]}}`: "10.0.0.7",
		`{"linux": {"namespaces": []}}`:                                            "",
	} {
		conn := serve(t, func(s *grpc.Server) {
			containersapi.RegisterContainersServer(s, fake{spec: spec})
			criapi.RegisterRuntimeServiceServer(s, fake{spec: spec})
		})
		e := New(conn, container.Limits{}, nil, slog.New(slog.DiscardHandler))
		found, err := e.fetch(t.Context(), "k8s.io", "app")
		if err != nil || len(found) != 2 || found[1].Container.ID != "pod" {
			t.Fatalf("fetch = %v, %v; want the container and its pod", found, err)
		}
		if got := found[1].Container.IP; got != want {
			t.Errorf("address of a pod with %s = %q, want %q", spec, got, want)
		}
		if found, err := e.fetch(t.Context(), "k8s.io", "gone"); err != nil || len(found) != 0 {
			t.Errorf("fetch of no container = %v, %v; want nothing", found, err)
		}
	}
}
