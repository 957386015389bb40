package configs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What clients see of the configuration is what Alertmanager has too; addresses and passwords are no part of it,
// wherever they come from.
func TestOriginalIsAlertmanagersPartWithoutSecrets(t *testing.T) {
	t.Setenv("HOOK_TOKEN", "planted-secret")
	file := filepath.Join(t.TempDir(), "tocsin.yaml")
	err := os.WriteFile(file, []byte(`
data_dir: data
http: {listen: "127.0.0.1:0"}
global: {resolve_timeout: 90s, smtp_smarthost: "mail.example.org:587", smtp_from: a@example.org, smtp_auth_password: planted-secret}
route:
  name: root
  receiver: both
  group_by: [alertname]
  group_wait: 1.5s
  routes:
    - &quick {name: quick, receiver: robot, matchers: ['team = "安全"'], mute_time_intervals: [nights], continue: true, group_interval: 1d}
    - {receiver: both, match: {severity: critical}}
inhibit_rules: [{source_matchers: [severity = critical], target_matchers: [severity = warning], equal: [instance]}]
time_intervals:
  - name: nights
    time_intervals:
      - {times: [{start_time: "22:00", end_time: "06:00"}, {start_time: "12:00", end_time: "13:00"}], weekdays: ["friday:monday", wednesday], location: Asia/Shanghai}
mute_time_intervals: [{name: winter, time_intervals: [{months: ["november:february", "3"], times: [{start_time: "20:00", end_time: "00:00"}]}]}]
receivers:
  - name: both
    labels: {team: sec}
    email_configs: [{to: b@example.org, auth_password: planted-secret, headers: {X-Key: planted-secret}}]
    webhook_configs:
      - url: https://hooks.example.org/${HOOK_TOKEN}
        http_config: {basic_auth: {username: u, password: planted-secret}}
  - name: robot
    wecom_configs: [{url: "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=planted-secret"}]
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := l.Original()
	if err != nil {
		t.Fatal(err)
	}
	want := `global:
  resolve_timeout: 1m30s
  smtp_smarthost: mail.example.org:587
  smtp_from: a@example.org
  smtp_auth_password: <secret>
route:
  receiver: both
  group_by:
    - alertname
  group_wait: 1s500ms
  routes:
    - receiver: robot
      matchers:
        - team="安全"
      mute_time_intervals:
        - nights
      continue: true
      group_interval: 24h
    - receiver: both
      match:
        severity: critical
inhibit_rules:
  - source_matchers:
      - severity="critical"
    target_matchers:
      - severity="warning"
    equal:
      - instance
receivers:
  - name: both
    labels:
      team: sec
    email_configs:
      - to: b@example.org
    webhook_configs:
      - url: <secret>
  - name: robot
time_intervals:
  - name: nights
    time_intervals:
      - times:
          - start_time: "22:00"
            end_time: 24:00
          - start_time: "12:00"
            end_time: "13:00"
        weekdays:
          - friday:saturday
          - sunday:monday
          - wednesday
        location: Asia/Shanghai
      - times:
          - start_time: "00:00"
            end_time: "06:00"
        weekdays:
          - saturday
          - sunday
          - monday
          - tuesday
          - thursday
        location: Asia/Shanghai
  - name: winter
    time_intervals:
      - times:
          - start_time: "20:00"
            end_time: 24:00
        months:
          - november:december
          - january:february
          - "3"
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Original() (-want +got):\n%s", diff)
	}
}

// The configuration that ships can be told, too.
func TestOriginalOfTheEmbeddedConfiguration(t *testing.T) {
	l, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := l.Original(); err != nil || text == "" {
		t.Errorf("Original() = %q, %v", text, err)
	}
}
