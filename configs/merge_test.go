package configs

import (
	"os"
	"path/filepath"
	"testing"
)

const merging = `
route:
  receiver: a
  routes:
    - &usual
      receiver: b
      matchers: [team=db]
      group_wait: 5s
    - matchers: ['team="$${x}"']
      <<: *usual
    - <<: [{group_wait: 7s}, *usual]
      matchers: [team=web]
    - <<: *usual
receivers:
  - &first
    name: a
    webhook_configs:
      - &hook
        url: http://127.0.0.1/
        max_alerts: 4
        send_resolved: false
        http_config: {authorization: {credentials_file: &token token}}
  - name: b
    webhook_configs:
      - <<: *hook
        max_alerts: 5
  - <<: *first
    name: c
`

// What is merged is there, except for what has been written over it; each text in it is read once.
func TestMergeKeys(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "tocsin.yaml")
	if err := os.WriteFile(file, []byte(merging), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Load(file)
	if err != nil {
		t.Fatalf("Load: %v, %v", l, err)
	}
	for i, want := range []struct{ matcher, wait string }{{`team="db"`, "5s"}, {`team="${x}"`, "5s"}, {`team="web"`, "7s"}, {`team="db"`, "5s"}} {
		r := l.Route.Routes[i]
		if r.Receiver != "b" || len(r.Matchers) != 1 || r.Matchers[0] != want.matcher || r.GroupWait == nil || r.GroupWait.String() != want.wait {
			t.Errorf("route %d is %+v, want %+v", i, r, want)
		}
	}
	for i, most := range []int{4, 5, 4} {
		r := l.Receivers[i]
		if r.Name != string("abc"[i]) || len(r.Webhook) != 1 {
			t.Fatalf("receiver %d is %+v", i, r)
		}
		w := r.Webhook[0]
		if token := filepath.Join(dir, "token"); w.MaxAlerts != most || w.SendResolved || w.HTTPConfig.Authorization.CredentialsFile != token {
			t.Errorf("the webhook of receiver %d is %+v", i, w)
		}
	}
	if text, err := l.Original(); err != nil || len(text) == 0 {
		t.Errorf("Original: %q, %v", text, err)
	}
}

// Names of labels may end like keys of files: their values are no paths.
func TestLabelsAreNoFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tocsin.yaml")
	text := `
route: {receiver: a, routes: [{match: {source_file: auth.log}, receiver: a, labels: {log_file: x}}]}
receivers: [{name: a, webhook_configs: [{url_file: url}]}]
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if r := l.Route.Routes[0]; r.Match["source_file"] != "auth.log" || r.Labels["log_file"] != "x" {
		t.Errorf("labels are %v and %v", r.Match, r.Labels)
	}
	if got, want := l.Receivers[0].Webhook[0].URLFile, filepath.Join(filepath.Dir(file), "url"); got != want {
		t.Errorf("url_file is %s, want %s", got, want)
	}
}
