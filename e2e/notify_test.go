package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tocsin-security/tocsin/notifiers/robottest"
)

// A test message goes over every channel of a receiver, and what each answered is said with what to do.
func TestNotifyTest(t *testing.T) {
	wecom := robottest.WeCom(robottest.Options{Key: "k1"})
	dingtalk := robottest.DingTalk(robottest.Options{Key: "t1", Keywords: []string{"值守"}})
	feishu := robottest.Feishu(robottest.Options{Key: "h1", Secret: "SECother"})
	hook := newWebhookSink(t)
	hook.answer(http.StatusNotFound)
	l := newLayout(t, shadowRules)
	config := floodConfig(l, fmt.Sprintf(`- name: chat
  wecom_configs: [{url: "%s/cgi-bin/webhook/send?key=k1"}, {url: "%[1]s/cgi-bin/webhook/send?key=planted-key"}]
  dingtalk_configs: [{url: "%s/robot/send?access_token=t1"}]
  feishu_configs: [{url: "%s/open-apis/bot/v2/hook/h1", secret: SECplanted}]
  webhook_configs: [{url: "%s/planted-path-0123456789"}, {url: "http://127.0.0.1:1/x"}]`,
		serveRobot(t, wecom), serveRobot(t, dingtalk), serveRobot(t, feishu), hook.URL))
	config = strings.ReplaceAll(config, "{http}", "127.0.0.1:0")
	file := filepath.Join(l.dir, "t.yaml")
	must(t, os.WriteFile(file, []byte(config), 0o600))
	run := func(args ...string) (string, bool) {
		cmd := exec.Command(binary, append([]string{"notify", "test", "--config", file}, args...)...)
		out, err := cmd.CombinedOutput()
		return string(out), err == nil
	}
	out, ok := run("chat")
	for _, want := range []string{
		": taken", "check that url has the whole key", "write one of the keywords", "the secret is wrong, the clock is right",
		"HTTP status 404", "nobody listens there", "5 of 6 channels did not take the message",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("notify test does not say %q:\n%s", want, out)
		}
	}
	if ok || strings.Contains(out, "planted") {
		t.Errorf("ok %v, or a secret in\n%s", ok, out)
	}
	if posts := wecom.Posts(); len(posts) != 1 || !strings.Contains(posts[0].Text, "测试 Test") || !strings.Contains(posts[0].Text, "nothing happened") {
		t.Errorf("WeCom got %+v, want one message that says it is a test", posts)
	}
	must(t, os.WriteFile(file, []byte(strings.Replace(config, "language: en", "language: zh", 1)), 0o600))
	if out, _ := run("chat", "--kind", "dingtalk"); !strings.Contains(out, "写入 keywords") || strings.Contains(out, "wecom-") {
		t.Errorf("in Chinese, over DingTalk alone:\n%s", out)
	}
	if out, ok := run("nobody"); ok || !strings.Contains(out, "the configuration has chat") {
		t.Errorf("a receiver that is not there:\n%s", out)
	}
}
