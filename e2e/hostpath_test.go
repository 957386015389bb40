package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A file of a container is told by the path that the host has for it: in the container's root, in a directory
// that the host lent it, and by none where only the container has the file system. A replay knows it too.
func TestHostPath(t *testing.T) {
	const rule = `
- rule: Host path
  desc: d
  condition: evt.type in (open, openat, openat2) and evt.res = SUCCESS and fd.filename startswith told and container.id != host
  output: "%container.id opens %fd.name, on the host %fd.hostpath"
  priority: INFO
`
	for name, root := range map[string]func(t *testing.T, c *container){
		"a root that is a directory": func(*testing.T, *container) {},
		"a root that is an overlay":  overlayRoot,
	} {
		t.Run(name, func(t *testing.T) {
			shared, l, sink := t.TempDir(), newLayout(t, rule), newWebhookSink(t)
			p := start(t, l.dir, "run", l.config("0s", webhookReceiver(sink)))
			var c *container
			replay := recordAndReplay(t, rule, func() {
				c = newContainer(t)
				rootfs := filepath.Join(c.bundle, "rootfs")
				must(t, os.WriteFile(filepath.Join(rootfs, "etc/told"), nil, 0o644))
				must(t, os.WriteFile(filepath.Join(shared, "told"), nil, 0o644))
				must(t, os.MkdirAll(filepath.Join(rootfs, "data"), 0o755))
				root(t, c)
				c.mounts = []map[string]any{
					{"destination": "/data", "type": "bind", "source": shared, "options": []string{"bind", "rw"}},
					{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"},
				}
				c.run(t, 0, "sh", "-c", "cat /etc/told /data/told; echo > /tmp/told; cat /tmp/told")
			})
			for file, want := range map[string]string{
				"/etc/told":  filepath.Join(c.bundle, "rootfs/etc/told"),
				"/data/told": filepath.Join(shared, "told"),
				"/tmp/told":  "<NA>",
			} {
				text := fmt.Sprintf("%s opens %s, on the host %s\"", c.shortID(), file, want)
				eventually(t, "tocsin tells: "+text, func() error { return contains(p.stdout.String(), text) })
				if err := contains(string(replay), text); err != nil {
					t.Errorf("the replay does not tell %s: %v", text, err)
				}
			}
		})
	}
}

// overlayRoot mounts an overlay of the container's root over it, as container engines do.
func overlayRoot(t *testing.T, c *container) {
	t.Helper()
	rootfs, upper, work := filepath.Join(c.bundle, "rootfs"), filepath.Join(c.bundle, "upper"), filepath.Join(c.bundle, "work")
	must(t, os.Mkdir(upper, 0o755))
	must(t, os.Mkdir(work, 0o755))
	must(t, unix.Mount("overlay", rootfs, "overlay", 0, "lowerdir="+rootfs+",upperdir="+upper+",workdir="+work))
	t.Cleanup(func() { must(t, unix.Unmount(rootfs, 0)) })
}

// The host's own files have the host's path, on what is mounted while tocsin runs too.
func TestHostPathOnTheHost(t *testing.T) {
	needRoot(t)
	const rule = `
- rule: Host path
  desc: d
  condition: evt.type in (open, openat, openat2) and fd.filename = told and proc.exepath endswith e2e.test
  output: "opened %fd.name, on the host %fd.hostpath."
  priority: INFO
`
	l, sink := newLayout(t, rule), newWebhookSink(t)
	p := start(t, l.dir, "run", l.config("0s", webhookReceiver(sink)))
	dir := t.TempDir()
	must(t, unix.Mount("none", dir, "tmpfs", 0, ""))
	t.Cleanup(func() { must(t, unix.Unmount(dir, 0)) })
	file := filepath.Join(dir, "told")
	must(t, os.WriteFile(file, nil, 0o644))
	text := "opened " + file + ", on the host " + file + "."
	eventually(t, "tocsin tells: "+text, func() error { return contains(p.stdout.String(), text) })
}

func contains(text, part string) error {
	if !strings.Contains(text, part) {
		return fmt.Errorf("not yet:\n%s", text)
	}
	return nil
}
