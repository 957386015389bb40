package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shadowRules fire on any successful opening of /etc/shadow for reading in a container.
const shadowRules = `
- rule: Shadow read
  desc: the password hashes were read
  condition: evt.type in (open, openat, openat2) and evt.is_open_read = true and fd.name = /etc/shadow and fd.num >= 0 and container.id != host
  output: shadow read (file=%fd.name user=%user.name proc=%proc.name parent=%proc.pname container=%container.id)
  priority: CRITICAL
  tags: [filesystem]
`

// layout is a folder with rules and an empty whitelist, and configuration texts that use it.
type layout struct{ dir string }

func newLayout(t *testing.T, rules string) layout {
	t.Helper()
	l := layout{t.TempDir()}
	must(t, os.WriteFile(filepath.Join(l.dir, "rules.yaml"), []byte(rules), 0o644))
	must(t, os.WriteFile(filepath.Join(l.dir, "whitelist.yaml"), []byte("[]\n"), 0o644))
	return l
}

// config is a whole configuration; extra lines come first, receivers is the body of one receiver.
func (l layout) config(groupWait, receiver string, extra ...string) string {
	return fmt.Sprintf(`data_dir: %s
%s
rules: {files: [rules.yaml]}
whitelist: {files: [whitelist.yaml]}
http: {listen: "{http}"}
route: {receiver: sink, group_by: [rule, container_id], group_wait: %s, group_interval: 1s}
receivers:
  - name: sink
%s
`, filepath.Join(l.dir, "data"), strings.Join(extra, "\n"), groupWait, indent(receiver))
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ")
}

func webhookReceiver(s *webhookSink) string {
	return fmt.Sprintf("webhook_configs: [{url: %q}]", s.URL+"/hook")
}
