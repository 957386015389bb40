package enrich

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Sockets are the runtimes' unix sockets: the word auto, a path, or a list of both. A path may begin with
// the language that is spoken there, as in cri:/run/x.sock; without, the socket is asked. None at all means
// that no runtime is asked.
type Sockets []string

// auto stands for the sockets of knownSockets.
const auto = "auto"

// The languages that runtimes speak.
const (
	kindContainerd = "containerd" // its own API
	kindCRI        = "cri"
	kindDocker     = "docker" // Docker's API, which is Podman's too
)

// knownSockets are the places where runtimes and distributions put their sockets. Where /var/run is no
// link to /run, as in some images, mounts by that name are found too.
var knownSockets = []string{
	"/run/containerd/containerd.sock",
	"/run/k3s/containerd/containerd.sock", // k3s, rke2
	"/var/snap/microk8s/common/run/containerd.sock",
	"/run/k0s/containerd.sock",
	"/run/host-containerd/containerd.sock", // Bottlerocket's own containers
	"/run/dockershim.sock",                 // Bottlerocket's pods; a link in newer versions
	"/run/crio/crio.sock",
	"/run/docker.sock",
	"/run/podman/podman.sock",
	"/run/user/*/podman/podman.sock", // users' own
	"/var/run/containerd/containerd.sock",
	"/var/run/crio/crio.sock",
	"/var/run/docker.sock",
	"/var/run/podman/podman.sock",
}

// Sockets of users that are watched at a time: every user of a machine can make one.
const maxUserSockets = 32

// socket is one place to look for a runtime.
type socket struct {
	path  string
	kind  string // "" when the socket has to be asked
	named bool   // by the configuration
	users bool   // neither root's nor that of the user tocsin runs as
}

// parseSocket reads [KIND:]PATH.
func parseSocket(text string) (socket, error) {
	s := socket{path: text, named: true}
	if kind, path, found := strings.Cut(text, ":"); found && !strings.Contains(kind, "/") {
		s.kind, s.path = kind, strings.TrimPrefix(path, "//") // unix:///run/x.sock
	}
	switch s.kind {
	case "unix":
		s.kind = ""
	case "", kindContainerd, kindCRI, kindDocker:
	case "podman":
		s.kind = kindDocker
	case "cri-o", "crio":
		s.kind = kindCRI
	default:
		return s, fmt.Errorf("%q: there is no runtime of kind %q: write containerd, cri or docker (Podman speaks docker, CRI-O cri), or only the path", text, s.kind)
	}
	if !filepath.IsAbs(s.path) {
		return s, fmt.Errorf("%q: write auto or absolute paths", text)
	}
	return s, nil
}

// patterns are the places to look, the word auto replaced by the known ones below hostRoot.
func (s Sockets) patterns(hostRoot string) (all []socket) {
	for _, text := range s {
		if text != auto {
			if one, err := parseSocket(text); err == nil { // Validate told of it otherwise
				all = append(all, one)
			}
			continue
		}
		for _, path := range knownSockets {
			all = append(all, socket{path: filepath.Join("/", hostRoot, path)})
		}
	}
	return all
}

// present are the sockets of patterns that exist, each once, whatever names it has, and those that cannot
// be looked at, with the reason.
func present(patterns []socket) (found []socket, unseen map[string]error) {
	unseen = map[string]error{}
	var infos []os.FileInfo
	users := 0
	for _, pattern := range patterns {
		paths := []string{pattern.path}
		if !pattern.named && strings.Contains(pattern.path, "*") {
			paths, _ = filepath.Glob(pattern.path) // the pattern is one of ours, so it is not malformed
		}
		for _, path := range paths {
			info, err := os.Stat(path)
			switch {
			case errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
				continue
			case err != nil:
				unseen[path] = err
				continue
			case slices.ContainsFunc(infos, func(other os.FileInfo) bool { return os.SameFile(info, other) }):
				continue
			case ownedByUser(info) && !pattern.named:
				if users++; users > maxUserSockets {
					continue
				}
			}
			infos = append(infos, info)
			found = append(found, socket{path: path, kind: pattern.kind, named: pattern.named, users: ownedByUser(info)})
		}
	}
	return found, unseen
}

func ownedByUser(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && isUser(stat.Uid)
}

// isUser reports whether a user is neither root nor the one tocsin runs as.
func isUser(uid uint32) bool { return uid != 0 && int(uid) != os.Geteuid() }
