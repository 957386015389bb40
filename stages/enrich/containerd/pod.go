package containerd

import (
	"context"
	"encoding/json"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	criapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/tocsin-security/tocsin/stages/enrich/container"
)

// Extensions of a container in which the CRI plugin keeps its own record, as JSON (containerd:
// internal/cri/labels, internal/cri/store/container/metadata.go and .../sandbox/metadata.go).
const (
	extensionContainer = "io.cri-containerd.container.metadata"
	extensionSandbox   = "io.cri-containerd.sandbox.metadata"
)

// criRecord is what is read of the CRI plugin's record of a container or a sandbox.
type criRecord struct {
	Config struct {
		Linux struct {
			SecurityContext struct {
				Privileged bool `json:"privileged"`
			} `json:"security_context"`
		} `json:"linux"`
	}
	ImageRef  string          // of a container: the id of its image
	IP        string          // of a sandbox
	CNIResult json.RawMessage // likewise
}

// recordOf is the CRI plugin's record of c, nil if it is not one of its containers or of a form not known.
func recordOf(c *containersapi.Container) *criRecord {
	for _, name := range []string{extensionContainer, extensionSandbox} {
		extension := c.GetExtensions()[name]
		if extension == nil {
			continue
		}
		var versioned struct {
			Version  string
			Metadata criRecord
		}
		if err := json.Unmarshal(extension.GetValue(), &versioned); err == nil && versioned.Version == "v1" {
			return &versioned.Metadata
		}
	}
	return nil
}

// sandbox reads the sandbox of a container that was just read, whose context has the namespace. A sandbox
// whose record was written before its network was there is asked for its address.
func (e *Engine) sandbox(ctx context.Context, id string) (container.Described, bool) {
	resp, err := e.containers.Get(ctx, &containersapi.GetContainerRequest{ID: id})
	if err != nil {
		e.log.Debug("pod's sandbox not read", "container", id, "err", err)
		return container.Described{}, false
	}
	d := describe(resp.GetContainer())
	if d.Container.IP == "" && !d.Container.HostNetwork {
		status, err := e.cri.PodSandboxStatus(ctx, &criapi.PodSandboxStatusRequest{PodSandboxId: id})
		if err != nil {
			e.log.Debug("pod's address not read", "container", id, "err", err)
		}
		d.Container.IP = status.GetStatus().GetNetwork().GetIp()
	}
	return d, true
}
