package docker

import (
	"maps"
	"slices"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/enrich/container"
)

// inspected is what is read of GET /containers/ID/json.
type inspected struct {
	ID     string `json:"Id"`
	Name   string // "/web"
	Image  string // id
	Config struct {
		Image  string // as it was asked for
		Labels map[string]string
	}
	HostConfig hostConfig
	Mounts     []struct {
		Type, Name, Source, Destination, Mode, Propagation string
		RW                                                 bool
	}
	NetworkSettings struct {
		IPAddress string // of the default bridge; newer daemons tell it with the networks only
		Networks  map[string]struct{ IPAddress, GlobalIPv6Address string }
	}
}

type hostConfig struct {
	Privileged                    bool
	PidMode, NetworkMode, IpcMode string // "host", "container:ID", others
}

// Labels that cri-dockerd gives to a pod's containers (cri-dockerd: core/labels.go), beside the kubelet's.
const (
	labelType      = "io.kubernetes.docker.type" // "podsandbox" or "container"
	labelSandboxID = "io.kubernetes.sandbox.id"
)

// describe turns an inspected container into ours.
func describe(in *inspected, i image, kind string) container.Described {
	c := &pipeline.Container{ID: in.ID, Type: kind, Complete: true, ImageID: container.ImageID(in.Image)}
	container.SetLabels(c, in.Config.Labels)
	c.Name = container.FirstOf(c.Labels[container.LabelContainerName], strings.TrimPrefix(in.Name, "/"), c.ID)
	name := in.Config.Image
	if container.IsImageID(name) || name != "" && strings.HasPrefix(c.ImageID, name) { // asked for by its id
		name = container.FirstOf(append(slices.Clone(i.RepoTags), in.Config.Image)...)
	}
	container.SetImage(c, name)
	if c.Digest == "" {
		c.Digest = container.DigestIn(i.RepoDigests, c.Repository)
	}
	host := &in.HostConfig
	c.Privileged = host.Privileged
	c.HostPID, c.HostNetwork, c.HostIPC = host.PidMode == "host", host.NetworkMode == "host", host.IpcMode == "host"
	c.IP = in.address()
	for _, m := range in.Mounts {
		c.Mounts = append(c.Mounts, pipeline.Mount{
			Source: container.FirstOf(m.Source, m.Name), Dest: m.Destination, Mode: m.Mode, Writable: m.RW, Propagation: m.Propagation,
		})
	}
	c.SandboxID = c.Labels[labelSandboxID]
	if c.Labels[labelType] == "podsandbox" {
		c.SandboxID = c.ID
		c.Image, c.Repository, c.Tag, c.Digest, c.ImageID = "", "", "", "", "" // the pause image says nothing about the pod
	}
	return container.Described{Container: c, Sandbox: c.SandboxID, Joins: host.joined()}
}

// address is the first of the container's addresses, by the names of its networks.
func (in *inspected) address() string {
	if in.NetworkSettings.IPAddress != "" {
		return in.NetworkSettings.IPAddress
	}
	for _, name := range slices.Sorted(maps.Keys(in.NetworkSettings.Networks)) {
		n := in.NetworkSettings.Networks[name]
		if ip := container.FirstOf(n.IPAddress, n.GlobalIPv6Address); ip != "" {
			return ip
		}
	}
	return ""
}

// joined are the kinds of namespace that the container shares with another one.
func (h *hostConfig) joined() (kinds []string) {
	for kind, mode := range map[string]string{"pid": h.PidMode, "network": h.NetworkMode, "ipc": h.IpcMode} {
		if strings.HasPrefix(mode, "container:") {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}
