package enrich

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/containerd/containerd/api/events"
	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	"github.com/containerd/containerd/api/types"
	"google.golang.org/protobuf/proto"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Labels and annotations that containerd's CRI plugin, the kubelet and nerdctl set (containerd:
// internal/cri/annotations and internal/cri/labels; kubelet: pkg/kubelet/types/labels.go).
const (
	labelContainerName = "io.kubernetes.container.name"
	labelPodName       = "io.kubernetes.pod.name"
	labelPodNamespace  = "io.kubernetes.pod.namespace"
	labelPodUID        = "io.kubernetes.pod.uid"
	labelKind          = "io.cri-containerd.kind" // "sandbox" or "container"
	labelNerdctlName   = "nerdctl/name"

	annotationImage   = "io.kubernetes.cri.image-name"
	annotationSandbox = "io.kubernetes.cri.sandbox-id"
)

// described is a container and, if it is one of a pod, the id of the pod's sandbox.
type described struct {
	container *pipeline.Container
	sandbox   string
	joins     []string // the kinds of namespace that it is put into, being another container's
}

// adopt takes over what a container has of its pod's sandbox.
func (d described) adopt(sandbox *pipeline.Container) {
	c := d.container
	c.PodLabels = podLabels(sandbox.Labels)
	c.PodLabelText = pipeline.JoinLabels(c.PodLabels)
	c.HostPID = c.HostPID || slices.Contains(d.joins, "pid") && sandbox.HostPID
	c.HostNetwork = c.HostNetwork || slices.Contains(d.joins, "network") && sandbox.HostNetwork
	c.HostIPC = c.HostIPC || slices.Contains(d.joins, "ipc") && sandbox.HostIPC
}

// describe turns containerd's description of a container into ours.
func describe(c *containersapi.Container) described {
	labels := c.GetLabels()
	out := &pipeline.Container{
		ID:       c.GetID(),
		Name:     firstOf(labels[labelNerdctlName], labels[labelContainerName], c.GetID()),
		Image:    c.GetImage(),
		Type:     "containerd",
		PodName:  labels[labelPodName],
		PodNS:    labels[labelPodNamespace],
		PodUID:   labels[labelPodUID],
		Labels:   labels,
		Complete: true,
	}
	var spec ociSpec
	// A specification of another kind (Windows, a newer major version) says nothing we read: the rest of
	// the metadata stands without it.
	if err := json.Unmarshal(c.GetSpec().GetValue(), &spec); err == nil {
		out.Privileged = spec.privileged()
		out.Mounts = spec.mounts()
		out.HostPID, out.HostNetwork, out.HostIPC = spec.sharesHost("pid"), spec.sharesHost("network"), spec.sharesHost("ipc")
	}
	if strings.HasPrefix(out.Image, "sha256:") {
		out.ImageID = strings.TrimPrefix(out.Image, "sha256:")
	}
	if out.ImageID != "" || out.Image == "" {
		out.Image = firstOf(spec.Annotations[annotationImage], out.Image)
	}
	sandbox := spec.Annotations[annotationSandbox]
	if labels[labelKind] == "sandbox" {
		out.Image, sandbox = "", out.ID // the pause image says nothing about the pod
	}
	out.SandboxID = sandbox
	out.LabelText = pipeline.JoinLabels(labels)
	out.Repository, out.Tag, out.Digest = splitImage(out.Image)
	return described{container: out, sandbox: sandbox, joins: spec.joined()}
}

// splitImage splits an image reference: registry.example:5000/team/app:1.2@sha256:…
func splitImage(image string) (repository, tag, digest string) {
	if strings.HasPrefix(image, "sha256:") {
		return "", "", "" // the id of an image whose name is not known
	}
	repository, digest, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(repository, ':'); i > strings.LastIndexByte(repository, '/') {
		repository, tag = repository[:i], repository[i+1:]
	}
	return repository, tag, digest
}

// podLabels are a sandbox's labels without those that containerd and the kubelet add.
func podLabels(sandbox map[string]string) map[string]string {
	labels := maps.Clone(sandbox)
	maps.DeleteFunc(labels, func(name, _ string) bool {
		return strings.HasPrefix(name, "io.kubernetes.") || strings.HasPrefix(name, "io.cri-containerd.")
	})
	return labels
}

// containerOf is the id of the container that an event of containerd is about.
func containerOf(ev *types.Envelope) (string, error) {
	var id interface{ GetID() string }
	value := ev.GetEvent().GetValue()
	var err error
	switch ev.GetTopic() {
	case "/containers/create":
		m := &events.ContainerCreate{}
		id, err = m, proto.Unmarshal(value, m)
	case "/containers/update":
		m := &events.ContainerUpdate{}
		id, err = m, proto.Unmarshal(value, m)
	case "/containers/delete":
		m := &events.ContainerDelete{}
		id, err = m, proto.Unmarshal(value, m)
	case "/tasks/start":
		m := &events.TaskStart{}
		return m.GetContainerID(), proto.Unmarshal(value, m)
	default:
		return "", fmt.Errorf("unexpected topic %q", ev.GetTopic())
	}
	return id.GetID(), err
}

// firstOf is the first of its arguments that is not empty.
func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
