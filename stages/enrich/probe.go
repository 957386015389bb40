package enrich

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
)

// Socket is what a container runtime's socket was found to be.
type Socket struct {
	Path    string `json:"path"`
	Found   bool   `json:"found"`
	Answers bool   `json:"answers"`
	Kind    string `json:"kind,omitempty"`    // containerd, cri-o, docker, podman
	Version string `json:"version,omitempty"` // in the runtime's own words
	Why     string `json:"why,omitempty"`     // when it is there and does not answer
	Note    string `json:"note,omitempty"`    // what is less than it could be though it answers
}

// noteUsers is what answers of a user's own runtime are good for.
const noteUsers = "a user's own: its word does not stand against root's runtimes"

// Probe asks every socket of cfg who is there, all at once, each for some seconds at most. A path that the
// configuration does not name itself is left out when nothing is there.
func Probe(ctx context.Context, cfg ContainersConfig) []Socket {
	patterns := cfg.Sockets.patterns(cfg.HostRoot)
	sockets, unseen := present(patterns)
	found := make([]Socket, len(sockets))
	var asking sync.WaitGroup
	for i, s := range sockets {
		asking.Go(func() { found[i] = ask(ctx, s) })
	}
	asking.Wait()
	for _, p := range patterns {
		if slices.ContainsFunc(sockets, func(s socket) bool { return s.path == p.path }) {
			continue
		}
		if err := unseen[p.path]; err != nil { // a folder that is not ours to look into
			found = append(found, Socket{Path: p.path, Why: err.Error()})
		} else if _, err := os.Stat(p.path); p.named && errors.Is(err, os.ErrNotExist) {
			found = append(found, Socket{Path: p.path})
		}
	}
	return found
}

func ask(ctx context.Context, s socket) Socket {
	out := Socket{Path: s.path, Found: true, Kind: s.kind}
	c, err := connect(ctx, s, &share{cache: newContainerCache()}, slog.New(slog.DiscardHandler))
	if err != nil {
		out.Why = strings.Join(strings.Fields(err.Error()), " ")
		return out
	}
	c.Close() // nothing is in flight any more
	out.Answers, out.Kind, out.Version = true, c.version.Name, c.version.Text
	if s.users {
		out.Note = noteUsers
	}
	return out
}
