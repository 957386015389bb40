package containerd

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	"google.golang.org/grpc"

	"github.com/tocsin-security/tocsin/stages/enrich/container"
)

// endless lists containers for as long as somebody reads.
type endless struct {
	containersapi.UnimplementedContainersServer
}

type noImages struct {
	imagesapi.UnimplementedImagesServer
}

func (noImages) List(context.Context, *imagesapi.ListImagesRequest) (*imagesapi.ListImagesResponse, error) {
	return &imagesapi.ListImagesResponse{}, nil
}

func (endless) ListStream(_ *containersapi.ListContainersRequest, to containersapi.Containers_ListStreamServer) error {
	for {
		if err := to.Send(&containersapi.ListContainerMessage{Container: &containersapi.Container{ID: "x"}}); err != nil {
			return err
		}
	}
}

// Anybody can serve a socket: a list without end is not read to the end of the memory.
func TestAListWithoutEndIsNotReadOn(t *testing.T) {
	conn := serve(t, func(s *grpc.Server) {
		containersapi.RegisterContainersServer(s, endless{})
		imagesapi.RegisterImagesServer(s, noImages{})
	})
	e := New(conn, container.Limits{List: 1 << 20}, nil, slog.New(slog.DiscardHandler))
	left := e.limits.List
	if found, err := e.listNamespace(t.Context(), &left); !errors.Is(err, errTooMany) {
		t.Errorf("%d containers were listed, %v; want %v", len(found), err, errTooMany)
	}
}
