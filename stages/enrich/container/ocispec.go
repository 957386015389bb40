package container

import (
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Spec is what is read of a container's OCI runtime specification.
type Spec struct {
	Annotations map[string]string
	Process     struct {
		ApparmorProfile string
		SelinuxLabel    string
	}
	Mounts []struct {
		Type                string
		Source, Destination string
		Options             []string
	}
	Linux *struct {
		MaskedPaths, ReadonlyPaths []string
		Seccomp                    *struct{}
		RootfsPropagation          string
		Namespaces                 []struct{ Type, Path string }
		SecurityContext            *struct{ Privileged bool } // no part of the standard; some CRI runtimes add it
	}
}

// Privileged guesses, as containerd does not keep the flag: a privileged container has nothing masked,
// nothing read-only and no security profile.
func (s *Spec) Privileged() bool {
	if s.Linux == nil || len(s.Linux.MaskedPaths) > 0 || len(s.Linux.ReadonlyPaths) > 0 || s.Linux.Seccomp != nil {
		return false
	}
	if s.Process.SelinuxLabel != "" || FirstOf(s.Process.ApparmorProfile, "unconfined") != "unconfined" {
		return false
	}
	for _, m := range s.Mounts {
		if (m.Type == "sysfs" || m.Type == "cgroup") && slices.Contains(m.Options, "ro") {
			return false
		}
	}
	return true
}

// MountList are the mounts of the specification.
func (s *Spec) MountList() []pipeline.Mount {
	all := make([]pipeline.Mount, 0, len(s.Mounts))
	for _, m := range s.Mounts {
		mount := pipeline.Mount{Source: m.Source, Dest: m.Destination, Writable: !slices.Contains(m.Options, "ro")}
		for _, option := range m.Options {
			if mode, ok := strings.CutPrefix(option, "mode="); ok {
				mount.Mode = mode
			}
			if slices.Contains(propagations, option) {
				mount.Propagation = option
			}
		}
		if mount.Propagation == "" && s.Linux != nil {
			mount.Propagation = s.Linux.RootfsPropagation
		}
		all = append(all, mount)
	}
	return all
}

// propagations are the mount options that say how mounts spread (mount_namespaces(7)).
var propagations = []string{"private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"}

// SharesHost reports whether the container gets no namespace of a kind: it has the host's.
func (s *Spec) SharesHost(kind string) bool {
	if s.Linux == nil {
		return false
	}
	for _, n := range s.Linux.Namespaces {
		if n.Type == kind {
			return false
		}
	}
	return true
}

// Joined are the kinds of namespace that exist before the container, which is put into them.
func (s *Spec) Joined() []string {
	if s.Linux == nil {
		return nil
	}
	var kinds []string
	for _, n := range s.Linux.Namespaces {
		if n.Path != "" {
			kinds = append(kinds, n.Type)
		}
	}
	return kinds
}
