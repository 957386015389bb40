package runtimetest

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	criapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Pod is a pod in the host's network, made over CRI as the kubelet makes them.
type Pod struct {
	ID string // of its sandbox

	t       *testing.T
	runtime criapi.RuntimeServiceClient
	config  *criapi.PodSandboxConfig
}

// A pod takes a moment on a busy machine.
const podTimeout = 30 * time.Second

// RunPod makes a pod with one label, app=web; it is removed when the test ends.
func (r *Containerd) RunPod(name string, privileged bool) *Pod {
	r.t.Helper()
	conn := r.connect()
	r.t.Cleanup(func() { conn.Close() })
	p := &Pod{t: r.t, runtime: criapi.NewRuntimeServiceClient(conn), config: &criapi.PodSandboxConfig{
		Metadata: &criapi.PodSandboxMetadata{Name: name, Uid: "uid-of-" + name, Namespace: "shop"},
		Labels: map[string]string{
			"app": "web", "io.kubernetes.pod.name": name, "io.kubernetes.pod.namespace": "shop", "io.kubernetes.pod.uid": "uid-of-" + name,
		},
		Linux: &criapi.LinuxPodSandboxConfig{SecurityContext: &criapi.LinuxSandboxSecurityContext{
			Privileged:       privileged,
			NamespaceOptions: &criapi.NamespaceOption{Network: criapi.NamespaceMode_NODE, Pid: criapi.NamespaceMode_CONTAINER},
		}},
	}}
	// Its image is known to CRI a moment after it was imported.
	Eventually(r.t, "a pod is made", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), podTimeout)
		defer cancel()
		resp, err := p.runtime.RunPodSandbox(ctx, &criapi.RunPodSandboxRequest{Config: p.config})
		if err != nil {
			r.t.Logf("run a pod: %v", err)
		}
		p.ID = resp.GetPodSandboxId()
		return err == nil
	})
	r.t.Cleanup(p.remove)
	return p
}

// Create makes a container of the pod, with the kubelet's labels, and does not start it yet.
func (p *Pod) Create(name string, image Image, privileged bool, command ...string) (id string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), podTimeout)
	defer cancel()
	labels := map[string]string{"io.kubernetes.container.name": name}
	for k, v := range p.config.Labels {
		if k != "app" {
			labels[k] = v
		}
	}
	resp, err := p.runtime.CreateContainer(ctx, &criapi.CreateContainerRequest{
		PodSandboxId: p.ID, SandboxConfig: p.config,
		Config: &criapi.ContainerConfig{
			Metadata: &criapi.ContainerMetadata{Name: name}, Image: &criapi.ImageSpec{Image: image.Name},
			Command: command, Labels: labels,
			Linux: &criapi.LinuxContainerConfig{SecurityContext: &criapi.LinuxContainerSecurityContext{
				Privileged:       privileged,
				NamespaceOptions: p.config.Linux.SecurityContext.NamespaceOptions,
			}},
		},
	})
	if err != nil {
		p.t.Fatalf("create container %s: %v", name, err)
	}
	return resp.GetContainerId()
}

// Start starts a container.
func (p *Pod) Start(id string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), podTimeout)
	defer cancel()
	if _, err := p.runtime.StartContainer(ctx, &criapi.StartContainerRequest{ContainerId: id}); err != nil {
		p.t.Fatalf("start container %s: %v", id, err)
	}
}

// Delete removes a container.
func (p *Pod) Delete(id string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), podTimeout)
	defer cancel()
	if _, err := p.runtime.RemoveContainer(ctx, &criapi.RemoveContainerRequest{ContainerId: id}); err != nil {
		p.t.Errorf("remove container %s: %v", id, err)
	}
}

func (p *Pod) remove() {
	ctx, cancel := context.WithTimeout(context.Background(), podTimeout)
	defer cancel()
	if _, err := p.runtime.StopPodSandbox(ctx, &criapi.StopPodSandboxRequest{PodSandboxId: p.ID}); err != nil {
		p.t.Errorf("stop pod %s: %v", p.ID, err)
	}
	if _, err := p.runtime.RemovePodSandbox(ctx, &criapi.RemovePodSandboxRequest{PodSandboxId: p.ID}); err != nil {
		p.t.Errorf("remove pod %s: %v", p.ID, err)
	}
}

func (r *Containerd) connect() *grpc.ClientConn {
	r.t.Helper()
	conn, err := grpc.NewClient("unix://"+r.Socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		r.t.Fatal(err)
	}
	return conn
}

// criAnswers reports whether the CRI plugin is up, which it is some time after its daemon.
func (r *Containerd) criAnswers() bool {
	conn := r.connect()
	defer conn.Close() // nothing is in flight any more
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err := criapi.NewRuntimeServiceClient(conn).Version(ctx, &criapi.VersionRequest{})
	return err == nil
}
