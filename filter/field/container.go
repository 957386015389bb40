package field

import "github.com/tocsin-security/tocsin/pipeline"

const onHost = "host"

func containerFields() []Def {
	return []Def{
		from("control group", str("container.id", "first 12 characters of the container's id, or host", func(v *View) (string, bool) {
			id, ok := containerID(v.Ev.Proc)
			return pipeline.ShortID(id), ok
		})),
		from("control group", str("container.full_id", "the container's whole id, or host", func(v *View) (string, bool) {
			id, ok := containerID(v.Ev.Proc)
			if id == "" {
				id = onHost
			}
			return id, ok
		})),
		ofContainer("container.name", "name of the container, or host", onHost, func(c *pipeline.Container) string { return c.Name }),
		ofContainer("container.image", "image as it was asked for, with tag", "", func(c *pipeline.Container) string { return c.Image }),
		ofContainer("container.image.repository", "image without tag and digest", "", func(c *pipeline.Container) string { return c.Repository }),
		ofContainer("container.image.tag", "tag of the image", "", func(c *pipeline.Container) string { return c.Tag }),
		ofContainer("container.image.digest", "digest of the image, sha256:…: as it was asked for, else as the runtime keeps it", "", func(c *pipeline.Container) string { return c.Digest }),
		ofContainer("container.type", "containerd, cri-o, docker, podman, or host", onHost, func(c *pipeline.Container) string { return c.Type }),
		boolean("container.privileged", "the container runs privileged", func(v *View) (value, ok bool) {
			c, host, ok := container(v.Ev.Proc)
			return !host && ok && c.Privileged, ok
		}),
		ofContainer("container.image.id", "id of the image in hex digits, where the runtime tells it", "", func(c *pipeline.Container) string { return c.ImageID }),
		inContainerOnly("container.labels", "labels of the container as name:value, joined by commas", func(c *pipeline.Container) string { return c.LabelText }),
		inContainerOnly("container.ip", "address of the container, its pod's in a pod; null in the host's network", ipOf),
		inContainerOnly("container.cni.json", "what the network plugin answered for the pod, as JSON", func(c *pipeline.Container) string { return c.CNI }),
		sharesHost("container.host_pid", "process ids", func(c *pipeline.Container) bool { return c.HostPID }),
		sharesHost("container.host_network", "network", func(c *pipeline.Container) bool { return c.HostNetwork }),
		sharesHost("container.host_ipc", "inter-process communication", func(c *pipeline.Container) bool { return c.HostIPC }),
		label("container.label", "label [KEY] of the container", func(c *pipeline.Container) map[string]string { return c.Labels }),
	}
}

func podFields() []Def {
	return []Def{
		inContainerOnly("k8s.ns.name", "namespace of the pod", func(c *pipeline.Container) string { return c.PodNS }),
		inContainerOnly("k8s.pod.name", "name of the pod", func(c *pipeline.Container) string { return c.PodName }),
		inContainerOnly("k8s.pod.uid", "uid of the pod", func(c *pipeline.Container) string { return c.PodUID }),
		inContainerOnly("k8s.pod.id", "uid of the pod", func(c *pipeline.Container) string { return c.PodUID }),
		inContainerOnly("k8s.pod.sandbox_id", "first 12 characters of the id of the pod's sandbox", func(c *pipeline.Container) string {
			return c.SandboxID[:min(12, len(c.SandboxID))]
		}),
		inContainerOnly("k8s.pod.full_sandbox_id", "id of the pod's sandbox", func(c *pipeline.Container) string { return c.SandboxID }),
		inContainerOnly("k8s.pod.ip", "address of the pod; null in the host's network", inPod(ipOf)),
		inContainerOnly("k8s.pod.cni.json", "what the network plugin answered for the pod, as JSON", inPod(func(c *pipeline.Container) string { return c.CNI })),
		inContainerOnly("k8s.pod.labels", "labels of the pod as name:value, joined by commas", func(c *pipeline.Container) string { return c.PodLabelText }),
		label("k8s.pod.label", "label [KEY] of the pod", func(c *pipeline.Container) map[string]string { return c.PodLabels }),
	}
}

func ipOf(c *pipeline.Container) string { return c.IP }

// inPod is nothing for a container that is in no pod.
func inPod(f func(*pipeline.Container) string) func(*pipeline.Container) string {
	return func(c *pipeline.Container) string {
		if c.PodName == "" {
			return ""
		}
		return f(c)
	}
}

// containerID is the full id, empty on the host; not ok when nothing is known of the process.
func containerID(p *pipeline.Process) (string, bool) {
	return p.ContainerID, p.Known || p.ContainerID != ""
}

// container is what is known of the process's container. On the host c may be nil. Until the runtime
// has answered, everything but the id is null.
func container(p *pipeline.Process) (c *pipeline.Container, host, ok bool) {
	id, known := containerID(p)
	if id == "" {
		return p.Container, true, known
	}
	return p.Container, false, p.Container != nil && p.Container.Complete
}

func ofContainer(name, doc, ofHost string, f func(*pipeline.Container) string) Def {
	return str(name, doc, func(v *View) (string, bool) {
		c, host, ok := container(v.Ev.Proc)
		switch {
		case !ok:
			return "", false
		case host:
			return ofHost, true
		default:
			return f(c), true
		}
	})
}

// inContainerOnly reads what only a container has, or one in a pod; it is null elsewhere.
func inContainerOnly(name, doc string, f func(*pipeline.Container) string) Def {
	return str(name, doc, func(v *View) (string, bool) {
		c, host, ok := container(v.Ev.Proc)
		if host || !ok {
			return "", false
		}
		s := f(c)
		return s, s != ""
	})
}

func sharesHost(name, what string, f func(*pipeline.Container) bool) Def {
	return boolean(name, "the container has the host's namespace of "+what, func(v *View) (value, ok bool) {
		c, host, ok := container(v.Ev.Proc)
		return !host && ok && f(c), ok
	})
}

func label(name, doc string, labels func(*pipeline.Container) map[string]string) Def {
	return Def{
		Name: name, Type: String, Doc: doc, Arg: NeedsKey, DotArg: true,
		bind: func(key string) (Getter, error) {
			return Getter{Str: func(v *View) (string, bool) {
				c, host, ok := container(v.Ev.Proc)
				if host || !ok {
					return "", false
				}
				s, ok := labels(c)[key]
				return s, ok
			}}, nil
		},
	}
}
