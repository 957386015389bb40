package enrich

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/tocsin-security/tocsin/stages/enrich/container"
	"github.com/tocsin-security/tocsin/stages/enrich/containerd"
	"github.com/tocsin-security/tocsin/stages/enrich/cri"
	"github.com/tocsin-security/tocsin/stages/enrich/docker"
)

// engine speaks one runtime's language over one connection. Implementations must be safe for concurrent use.
type engine interface {
	// Version asks the runtime who it is. It is asked once, before anything else.
	Version(ctx context.Context) (container.Version, error)
	// Watch puts into the cache what there is, calls ready, and then whatever happens, until ctx or the
	// connection ends; the error is never nil.
	Watch(ctx context.Context, ready func(containers int)) error
	// LookUp reads one container by its full id, and what belongs to it; nothing if there is none.
	LookUp(ctx context.Context, id string) ([]container.Described, error)
}

var (
	_ engine = (*containerd.Engine)(nil)
	_ engine = (*cri.Engine)(nil)
	_ engine = (*docker.Engine)(nil)
)

// How long a runtime may take to say who it is.
const helloTimeout = 2 * time.Second

var (
	// A container's OCI specification can be large; grpc's default of 4 MiB would fail the whole listing.
	rootsLimits = container.Limits{Message: 64 << 20, List: 512 << 20}
	// Some hundred containers, as that is what is remembered. What is read takes many times the memory for a
	// while, and every user can make a socket.
	usersLimits = container.Limits{Message: 1 << 20, List: 8 << 20}
)

func (s socket) limits() container.Limits {
	if s.users {
		return usersLimits
	}
	return rootsLimits
}

// connection is an engine whose runtime has said who it is. Close gives it up.
type connection struct {
	engine  engine
	version container.Version
	io.Closer
}

// connect finds out which language the runtime at s speaks, if s does not say, and who it is.
func connect(ctx context.Context, s socket, cache container.Cache, log *slog.Logger) (*connection, error) {
	first, err := s.dial(ctx)
	if err != nil {
		return nil, err // as the kernel says it: no permission, nobody there
	}
	first.Close() // nothing was said
	if s.kind == kindDocker {
		return connectDocker(ctx, s, cache, log)
	}
	c, err := connectGRPC(ctx, s, cache, log)
	switch {
	case err == nil:
		return c, nil
	case errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded:
		return nil, fmt.Errorf("it accepts connections and does not answer: %w", err)
	case s.kind != "":
		return nil, err
	}
	// Docker last: a gRPC server begins to speak by itself, which HTTP/1 takes for a fault worth a line on stderr.
	c, dockerErr := connectDocker(ctx, s, cache, log)
	if dockerErr != nil {
		return nil, fmt.Errorf("it is neither containerd nor CRI nor Docker: %w", errors.Join(err, dockerErr))
	}
	return c, nil
}

func connectDocker(ctx context.Context, s socket, cache container.Cache, log *slog.Logger) (*connection, error) {
	d := docker.New(s.dial, s.limits(), cache, log)
	v, err := hello(ctx, d)
	if err != nil {
		d.Close()
		return nil, err
	}
	return &connection{d, v, closerFunc(d.Close)}, nil
}

// connectGRPC tries the languages over gRPC that s may speak, the one that knows most first.
func connectGRPC(ctx context.Context, s socket, cache container.Cache, log *slog.Logger) (*connection, error) {
	conn, err := grpc.NewClient("passthrough:///"+s.path,
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return s.dial(ctx) }),
		grpc.WithAuthority("localhost"),
		grpc.WithTransportCredentials(insecure.NewCredentials()), // a local socket
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(int(s.limits().Message))),
	)
	if err != nil {
		return nil, fmt.Errorf("make a client for %s: %w", s.path, err)
	}
	for _, e := range grpcEngines(s, conn, cache, log) {
		var v container.Version
		if v, err = hello(ctx, e); err == nil {
			return &connection{e, v, conn}, nil
		}
		if status.Code(err) != codes.Unimplemented {
			break // it would not answer another question either
		}
	}
	conn.Close() // nothing is in flight any more
	return nil, err
}

// grpcEngines are the engines to try on a connection, the one that knows most first.
func grpcEngines(s socket, conn *grpc.ClientConn, cache container.Cache, log *slog.Logger) []engine {
	switch s.kind {
	case kindContainerd:
		return []engine{containerd.New(conn, s.limits(), cache, log)}
	case kindCRI:
		return []engine{cri.New(conn, cache, log)}
	default:
		return []engine{containerd.New(conn, s.limits(), cache, log), cri.New(conn, cache, log)}
	}
}

func hello(ctx context.Context, e engine) (container.Version, error) {
	ctx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	return e.Version(ctx)
}

type closerFunc func()

func (f closerFunc) Close() error { f(); return nil }
