package enrich

import (
	"context"
	"log/slog"
	"os"
	"strings"

	"github.com/containerd/containerd/api/services/version/v1"
	"google.golang.org/protobuf/types/known/emptypb"
)

// Socket is what a container runtime's socket was found to be.
type Socket struct {
	Path    string `json:"path"`
	Found   bool   `json:"found"`
	Answers bool   `json:"answers"`
	Version string `json:"version,omitempty"` // containerd's own words
	Why     string `json:"why,omitempty"`     // when it is there and does not answer
}

// Probe asks every socket of cfg for its version, each for at most two seconds. A path that the
// configuration does not name itself is left out when nothing is there.
func Probe(ctx context.Context, cfg ContainersConfig) []Socket {
	found := []Socket{}
	for _, path := range cfg.Sockets.paths() {
		s := Socket{Path: path}
		_, err := os.Stat(path)
		switch {
		case os.IsNotExist(err):
		case err != nil: // a folder that is not ours to look into
			s.Why = err.Error()
		default:
			s.Found = true
			s.ask(ctx)
		}
		named := false
		for _, c := range cfg.Sockets {
			named = named || c == path
		}
		if s.Found || s.Why != "" || named {
			found = append(found, s)
		}
	}
	return found
}

func (s *Socket) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	r, err := newContainerd(s.Path, newContainerCache(), slog.New(slog.DiscardHandler))
	if err != nil {
		s.Why = err.Error()
		return
	}
	defer r.conn.Close() // nothing is in flight any more
	v, err := version.NewVersionClient(r.conn).Version(ctx, &emptypb.Empty{})
	if err != nil {
		s.Why = strings.Join(strings.Fields(err.Error()), " ")
		return
	}
	s.Answers, s.Version = true, v.GetVersion()
}
