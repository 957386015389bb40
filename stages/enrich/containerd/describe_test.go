package containerd

import (
	"testing"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/stages/enrich/container"
)

func TestDescribe(t *testing.T) {
	const confined = `{"linux": {"maskedPaths": ["/proc/kcore"], "namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}]}`
	for name, c := range map[string]struct {
		in   *containersapi.Container
		want container.Described
	}{
		"nerdctl's": {
			made("id1", "registry.example.org/library/nginx:1.25", confined+"}", map[string]string{"nerdctl/name": "web"}),
			container.Described{Container: &pipeline.Container{ID: "id1", Name: "web", Image: "registry.example.org/library/nginx:1.25",
				Repository: "registry.example.org/library/nginx", Tag: "1.25", Type: "containerd", Complete: true,
				Labels: map[string]string{"nerdctl/name": "web"}, LabelText: "nerdctl/name:web", Mounts: []pipeline.Mount{}}},
		},
		"a pod's, its image known by digest only": {
			made("id2", "sha256:0a", confined+`, "annotations": {"io.kubernetes.cri.image-name": "registry.example.org/a:v1", "io.kubernetes.cri.sandbox-id": "s"}}`,
				map[string]string{container.LabelContainerName: "app", container.LabelPodName: "app-0", container.LabelPodNamespace: "shop", container.LabelPodUID: "u"}),
			container.Described{Sandbox: "s", Container: &pipeline.Container{ID: "id2", Name: "app", Image: "registry.example.org/a:v1", Repository: "registry.example.org/a", Tag: "v1",
				Type: "containerd", PodName: "app-0", PodNS: "shop", PodUID: "u", Complete: true, ImageID: "0a", SandboxID: "s", Mounts: []pipeline.Mount{},
				LabelText: "io.kubernetes.container.name:app, io.kubernetes.pod.name:app-0, io.kubernetes.pod.namespace:shop, io.kubernetes.pod.uid:u",
				Labels:    map[string]string{container.LabelContainerName: "app", container.LabelPodName: "app-0", container.LabelPodNamespace: "shop", container.LabelPodUID: "u"}}},
		},
		"a sandbox has no image, and its own labels": {
			made("s", "registry.k8s.io/pause:3.9", confined+"}", map[string]string{labelKind: "sandbox", container.LabelPodName: "app-0"}),
			container.Described{Sandbox: "s", Container: &pipeline.Container{ID: "s", Name: "s", Type: "containerd", PodName: "app-0", Complete: true, SandboxID: "s", Mounts: []pipeline.Mount{},
				LabelText: "io.cri-containerd.kind:sandbox, io.kubernetes.pod.name:app-0",
				Labels:    map[string]string{labelKind: "sandbox", container.LabelPodName: "app-0"}}},
		},
		"without a specification nothing is guessed": {
			made("id3", "", "", nil),
			container.Described{Container: &pipeline.Container{ID: "id3", Name: "id3", Type: "containerd", Complete: true}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, describe(c.in)); diff != "" {
				t.Errorf("describe (-want +got):\n%s", diff)
			}
		})
	}
}

func made(id, image, spec string, labels map[string]string) *containersapi.Container {
	return &containersapi.Container{ID: id, Image: image, Labels: labels, Spec: &anypb.Any{Value: []byte(spec)}}
}

func TestPrivilegedIsGuessed(t *testing.T) {
	for spec, want := range map[string]bool{
		`{"linux": {}}`: true,
		`{"linux": {}, "process": {"apparmorProfile": "unconfined"}, "mounts": [{"type": "sysfs", "options": ["rw"]}]}`: true,
		`{"linux": {"maskedPaths": ["/proc/kcore"]}}`:                                                                   false,
		`{"linux": {"readonlyPaths": ["/proc/sys"]}}`:                                                                   false,
		`{"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO"}}}`:                                                   false,
		`{"linux": {}, "process": {"apparmorProfile": "cri-containerd.apparmor.d"}}`:                                    false,
		`{"linux": {}, "process": {"selinuxLabel": "system_u:system_r:container_t"}}`:                                   false,
		`{"linux": {}, "mounts": [{"type": "cgroup", "options": ["nosuid", "ro"]}]}`:                                    false,
		`{"windows": {}}`: false,
	} {
		if got := describe(made("x", "", spec, nil)).Container.Privileged; got != want {
			t.Errorf("privileged of %s = %v, want %v", spec, got, want)
		}
	}
}

func TestMountsAndNamespacesComeFromTheSpecification(t *testing.T) {
	const spec = `{"mounts": [
		{"type": "bind", "source": "/etc", "destination": "/host/etc", "options": ["rbind", "ro", "rslave"]},
		{"type": "tmpfs", "source": "shm", "destination": "/dev/shm", "options": ["nosuid", "mode=1777"]}],
		"linux": {"rootfsPropagation": "rprivate", "namespaces": [{"type": "network", "path": "/proc/7/ns/net"}, {"type": "ipc"}, {"type": "mount"}]}}`
	d := describe(made("a", "", spec, nil))
	want := []pipeline.Mount{
		{Source: "/etc", Dest: "/host/etc", Propagation: "rslave"},
		{Source: "shm", Dest: "/dev/shm", Mode: "1777", Writable: true, Propagation: "rprivate"},
	}
	if diff := cmp.Diff(want, d.Container.Mounts); diff != "" {
		t.Errorf("mounts (-want +got):\n%s", diff)
	}
	for sentence, c := range map[string]struct {
		sandbox       pipeline.Container
		pid, net, ipc bool
	}{
		"a pod of its own":        {pipeline.Container{}, true, false, false},
		"a pod in host's network": {pipeline.Container{HostNetwork: true, HostIPC: true}, true, true, false},
	} {
		d := describe(made("a", "", spec, nil))
		if got := d.Adopt(&c.sandbox); got.HostPID != c.pid || got.HostNetwork != c.net || got.HostIPC != c.ipc {
			t.Errorf("%s: host's pid %v, network %v, ipc %v, want %v, %v, %v", sentence, got.HostPID, got.HostNetwork, got.HostIPC, c.pid, c.net, c.ipc)
		}
	}
}

// What the CRI plugin keeps is better than what can be guessed, and has what nobody else has.
func TestTheCRIPluginsRecordStands(t *testing.T) {
	const masked, open = `{"linux": {"maskedPaths": ["/proc/kcore"]}}`, `{"linux": {}}`
	record := func(config, more string) string {
		return `{"Version": "v1", "Metadata": {"Config": {"linux": {"security_context": ` + config + `}}` + more + `}}`
	}
	for sentence, c := range map[string]struct {
		spec, extension, record string
		want                    pipeline.Container
	}{
		"privileged though it does not look so": {masked, extensionContainer, record(`{"privileged": true}`, `, "ImageRef": "sha256:0a"`), pipeline.Container{Privileged: true, ImageID: "0a"}},
		"not privileged though it looks so":     {open, extensionContainer, record(`{}`, ``), pipeline.Container{}},
		"a sandbox's addresses":                 {masked, extensionSandbox, record(`{}`, `, "IP": "10.0.0.7", "CNIResult": {"Interfaces": {}}`), pipeline.Container{IP: "10.0.0.7", CNI: `{"Interfaces":{}}`}},
		"no network":                            {masked, extensionSandbox, record(`{}`, `, "IP": "", "CNIResult": null`), pipeline.Container{}},
		"a form that is not known says nothing": {open, extensionContainer, `{"Version": "v9", "Metadata": {}}`, pipeline.Container{Privileged: true}},
		"nor does what is no JSON":              {open, extensionContainer, `?`, pipeline.Container{Privileged: true}},
	} {
		in := made("x", "", c.spec, nil)
		in.Extensions = map[string]*anypb.Any{c.extension: {Value: []byte(c.record)}}
		got := describe(in).Container
		if diff := cmp.Diff(c.want, pipeline.Container{Privileged: got.Privileged, ImageID: got.ImageID, IP: got.IP, CNI: got.CNI}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", sentence, diff)
		}
	}
}

func TestDigestsAreOfTheImageThatRuns(t *testing.T) {
	store := map[string]string{"shop/web:1": "sha256:moved", "sha256:0a": "sha256:1"}
	for sentence, c := range map[string]struct {
		in   pipeline.Container
		want string
	}{
		"by its id, whatever the tag is now": {pipeline.Container{Image: "shop/web:1", ImageID: "0a"}, "sha256:1"},
		"by its tag, without an id":          {pipeline.Container{Image: "shop/web:1"}, "sha256:moved"},
		"as it was asked for":                {pipeline.Container{Image: "shop/web@sha256:2", Digest: "sha256:2", ImageID: "0a"}, "sha256:2"},
		"of no image":                        {pipeline.Container{ImageID: "0a"}, ""},
	} {
		d := container.Described{Container: &c.in}
		if setDigest(&d, func(image string) string { return store[image] }); c.in.Digest != c.want {
			t.Errorf("%s: digest = %q, want %q", sentence, c.in.Digest, c.want)
		}
	}
}
