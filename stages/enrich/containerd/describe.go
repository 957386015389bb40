package containerd

import (
	"encoding/json"
	"fmt"

	"github.com/containerd/containerd/api/events"
	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	"github.com/containerd/containerd/api/types"
	"google.golang.org/protobuf/proto"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/enrich/container"
)

// Labels and annotations that containerd's CRI plugin and nerdctl set (containerd:
// internal/cri/annotations and internal/cri/labels).
const (
	labelKind        = "io.cri-containerd.kind" // "sandbox" or "container"
	labelNerdctlName = "nerdctl/name"

	annotationImage   = "io.kubernetes.cri.image-name"
	annotationSandbox = "io.kubernetes.cri.sandbox-id"
)

// mobyNamespace is where Docker has its containers: it knows their names and images, containerd does not.
const mobyNamespace = "moby"

// inNamespaceOf is d with what its namespace says of it.
func inNamespaceOf(d container.Described, namespace string) container.Described {
	if namespace == mobyNamespace {
		d.Borrowed, d.Container.Type = true, "docker"
	}
	return d
}

// describe turns containerd's description of a container into ours.
func describe(c *containersapi.Container) container.Described {
	out := &pipeline.Container{ID: c.GetID(), Type: "containerd", Complete: true}
	container.SetLabels(out, c.GetLabels())
	out.Name = container.FirstOf(out.Labels[labelNerdctlName], out.Labels[container.LabelContainerName], out.ID)
	var spec container.Spec
	// A specification of another kind (Windows, a newer major version) says nothing we read: the rest of
	// the metadata stands without it.
	if err := json.Unmarshal(c.GetSpec().GetValue(), &spec); err == nil {
		out.Privileged = spec.Privileged() // a guess, until the CRI plugin's record says better
		out.Mounts = spec.MountList()
		out.HostPID, out.HostNetwork, out.HostIPC = spec.SharesHost("pid"), spec.SharesHost("network"), spec.SharesHost("ipc")
	}
	image := c.GetImage()
	if container.IsImageID(image) {
		out.ImageID = container.ImageID(image)
	}
	if record := recordOf(c); record != nil {
		out.Privileged = record.Config.Linux.SecurityContext.Privileged
		out.IP, out.CNI = record.IP, container.CNI(record.CNIResult)
		if container.IsImageID(record.ImageRef) {
			out.ImageID = container.ImageID(record.ImageRef)
		}
	}
	if image == "" || container.IsImageID(image) {
		image = container.FirstOf(spec.Annotations[annotationImage], image)
	}
	sandbox := spec.Annotations[annotationSandbox]
	if out.Labels[labelKind] == "sandbox" {
		image, out.ImageID, sandbox = "", "", out.ID // the pause image says nothing about the pod
	}
	container.SetImage(out, image)
	out.SandboxID = sandbox
	return container.Described{Container: out, Sandbox: sandbox, Joins: spec.Joined()}
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
