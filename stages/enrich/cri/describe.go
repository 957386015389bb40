package cri

import (
	"encoding/json"

	criapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/enrich/container"
)

// verbose is what is read of the text that runtimes add to a verbose status, which the interface does not
// define (containerd: internal/cri/server/container_status.go and sandbox_status.go; CRI-O:
// server/container_status.go and sandbox_status.go).
type verbose struct {
	SandboxID   string          `json:"sandboxID"`
	Privileged  *bool           `json:"privileged"` // CRI-O
	RuntimeSpec *container.Spec `json:"runtimeSpec"`
	Config      *struct {
		Linux *struct {
			SecurityContext *security `json:"security_context"`
		} `json:"linux"`
	} `json:"config"` // containerd
	CNIResult json.RawMessage `json:"cniResult"` // containerd, of a sandbox
}

type security struct {
	Privileged bool `json:"privileged"`
}

// CRI-O keeps the network plugin's answer in an annotation of the sandbox (CRI-O: pkg/annotations).
const annotationCNIResult = "io.kubernetes.cri-o.CNIResult"

// readVerbose reads what a runtime added to a status. What is not of a form known says nothing.
func readVerbose(info map[string]string) (v verbose) {
	if err := json.Unmarshal([]byte(info["info"]), &v); err != nil {
		return verbose{}
	}
	return v
}

// privileged is the flag where the runtime keeps it, else a guess from the specification.
func (v *verbose) privileged() bool {
	switch {
	case v.RuntimeSpec != nil && v.RuntimeSpec.Linux != nil && v.RuntimeSpec.Linux.SecurityContext != nil:
		return v.RuntimeSpec.Linux.SecurityContext.Privileged
	case v.Config != nil && v.Config.Linux != nil && v.Config.Linux.SecurityContext != nil:
		return v.Config.Linux.SecurityContext.Privileged
	case v.Privileged != nil:
		return *v.Privileged
	case v.RuntimeSpec != nil:
		return v.RuntimeSpec.Privileged()
	default:
		return false
	}
}

// cni is the network plugin's answer.
func (v *verbose) cni() string {
	answer := []byte(v.CNIResult)
	if len(answer) == 0 && v.RuntimeSpec != nil {
		answer = []byte(v.RuntimeSpec.Annotations[annotationCNIResult])
	}
	return container.CNI(answer)
}

// describe turns a container's status into ours. sandbox may be "": some runtimes tell it with the status.
func describe(resp *criapi.ContainerStatusResponse, sandbox, kind string) container.Described {
	s := resp.GetStatus()
	more := readVerbose(resp.GetInfo())
	c := &pipeline.Container{ID: s.GetId(), Type: kind, Complete: true}
	container.SetLabels(c, s.GetLabels())
	c.Name = container.FirstOf(s.GetMetadata().GetName(), c.Labels[container.LabelContainerName], c.ID)
	c.Privileged = more.privileged()
	c.SandboxID = container.FirstOf(sandbox, more.SandboxID)
	setImage(c, s)
	c.Mounts = mounts(s.GetMounts())
	// Only a pod has these namespaces; its containers are put into them.
	return container.Described{Container: c, Sandbox: c.SandboxID, Joins: []string{"pid", "network", "ipc"}}
}

// setImage takes over the image's name, as it was asked for where the runtime still knows, and its digest.
func setImage(c *pipeline.Container, s *criapi.ContainerStatus) {
	image := s.GetImage().GetImage()
	if image == "" || container.IsImageID(image) {
		image = container.FirstOf(s.GetImage().GetUserSpecifiedImage(), image)
	}
	reference := s.GetImageRef() // the id, or repository@digest
	if container.IsImageID(image) && !container.IsImageID(reference) {
		image = container.FirstOf(reference, image)
	}
	container.SetImage(c, image)
	for _, id := range []string{s.GetImageId(), reference, s.GetImage().GetImage()} {
		if container.IsImageID(id) {
			c.ImageID = container.ImageID(id)
			break
		}
	}
	if c.Digest == "" {
		c.Digest = container.DigestIn([]string{reference}, c.Repository)
	}
}

// describeSandbox turns a pod's status into that of its sandbox. Its image, the pause image, says nothing
// about the pod.
func describeSandbox(resp *criapi.PodSandboxStatusResponse, kind string) container.Described {
	s := resp.GetStatus()
	more := readVerbose(resp.GetInfo())
	c := &pipeline.Container{ID: s.GetId(), Name: s.GetId(), Type: kind, SandboxID: s.GetId(), Complete: true}
	container.SetLabels(c, s.GetLabels())
	c.PodName = container.FirstOf(c.PodName, s.GetMetadata().GetName())
	c.PodNS = container.FirstOf(c.PodNS, s.GetMetadata().GetNamespace())
	c.PodUID = container.FirstOf(c.PodUID, s.GetMetadata().GetUid())
	c.Privileged = more.privileged()
	shared := s.GetLinux().GetNamespaces().GetOptions()
	c.HostPID = shared.GetPid() == criapi.NamespaceMode_NODE
	c.HostNetwork = shared.GetNetwork() == criapi.NamespaceMode_NODE
	c.HostIPC = shared.GetIpc() == criapi.NamespaceMode_NODE
	if !c.HostNetwork {
		c.IP = s.GetNetwork().GetIp() // some runtimes tell the node's, if that is the pod's
	}
	c.CNI = more.cni()
	return container.Described{Container: c, Sandbox: c.ID}
}

func mounts(all []*criapi.Mount) []pipeline.Mount {
	out := make([]pipeline.Mount, 0, len(all))
	for _, m := range all {
		mount := pipeline.Mount{Source: m.GetHostPath(), Dest: m.GetContainerPath(), Writable: !m.GetReadonly(), Propagation: "private"}
		switch m.GetPropagation() {
		case criapi.MountPropagation_PROPAGATION_HOST_TO_CONTAINER:
			mount.Propagation = "rslave"
		case criapi.MountPropagation_PROPAGATION_BIDIRECTIONAL:
			mount.Propagation = "rshared"
		}
		out = append(out, mount)
	}
	return out
}
