// Package container is what the engines of stages/enrich have in common: how they hand over what a
// container runtime told, and how images, labels and OCI specifications are read whoever has them.
package container

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Described is what a runtime told of one container. Its Container is not changed any more once it was put
// into a Cache.
type Described struct {
	Container *pipeline.Container
	Sandbox   string   // full id of the pod's sandbox, of which labels and addresses come; "" none
	Joins     []string // kinds of namespace that it is put into, being its sandbox's
	// Borrowed says that another runtime made the container and knows more of it: this answer stands only
	// until that one's comes.
	Borrowed bool
}

// Cache takes what a runtime tells. It must be safe for concurrent use.
type Cache interface {
	// Put adds containers, or replaces what was known of them.
	Put(found ...Described)
	// Listed says that these are all there were when the list began: what this runtime told of before and is
	// not among them is gone.
	Listed(began time.Time, ids []string)
	// Remove says that a container is gone.
	Remove(id string)
	// Known reports whether there is a container with that full id.
	Known(id string) bool
}

// Limits bound what is read of a runtime, in bytes: one that anybody may run must not fill the memory.
type Limits struct {
	Message int64 // one answer, about one container
	List    int64 // an answer about all containers
}

// Version is a runtime's answer to the question who it is.
type Version struct {
	Name string // containerd, cri-o, docker, podman
	Text string // the version in the runtime's own words
}

// Labels and annotations that the kubelet sets (kubelet: pkg/kubelet/types/labels.go).
const (
	LabelContainerName = "io.kubernetes.container.name"
	LabelPodName       = "io.kubernetes.pod.name"
	LabelPodNamespace  = "io.kubernetes.pod.namespace"
	LabelPodUID        = "io.kubernetes.pod.uid"
)

// Adopt is the container with what it has of its pod's sandbox: labels, addresses, namespaces.
func (d Described) Adopt(sandbox *pipeline.Container) *pipeline.Container {
	c := *d.Container
	c.PodLabels = PodLabels(sandbox.Labels)
	c.PodLabelText = pipeline.JoinLabels(c.PodLabels)
	c.PodName, c.PodNS = FirstOf(c.PodName, sandbox.PodName), FirstOf(c.PodNS, sandbox.PodNS)
	c.PodUID = FirstOf(c.PodUID, sandbox.PodUID)
	c.IP, c.CNI = FirstOf(c.IP, sandbox.IP), FirstOf(c.CNI, sandbox.CNI)
	c.HostPID = c.HostPID || slices.Contains(d.Joins, "pid") && sandbox.HostPID
	c.HostNetwork = c.HostNetwork || slices.Contains(d.Joins, "network") && sandbox.HostNetwork
	c.HostIPC = c.HostIPC || slices.Contains(d.Joins, "ipc") && sandbox.HostIPC
	return &c
}

// PodLabels are a sandbox's labels without those that runtimes and the kubelet add.
func PodLabels(sandbox map[string]string) map[string]string {
	labels := maps.Clone(sandbox)
	maps.DeleteFunc(labels, func(name, _ string) bool {
		return strings.HasPrefix(name, "io.kubernetes.") || strings.HasPrefix(name, "io.cri-containerd.")
	})
	return labels
}

// SetLabels takes over a container's labels, and the pod that they name.
func SetLabels(c *pipeline.Container, labels map[string]string) {
	c.Labels, c.LabelText = labels, pipeline.JoinLabels(labels)
	c.PodName, c.PodNS, c.PodUID = labels[LabelPodName], labels[LabelPodNamespace], labels[LabelPodUID]
}

// Some pods have dozens of interfaces; nobody reads more of the network plugin's answer.
const maxCNI = 4096

// CNI is the network plugin's answer, which is JSON, on one line; what is too long for an alert is left out.
func CNI(answer []byte) string {
	var b bytes.Buffer
	if err := json.Compact(&b, answer); err != nil || b.Len() > maxCNI || b.String() == "null" {
		return ""
	}
	return b.String()
}

// FirstOf is the first of its arguments that is not empty.
func FirstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
