package e2e

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/notifiers/robottest"
)

// The main job: a file read in a real container becomes one rendered message on every channel.
func TestShadowReadReachesEveryChannel(t *testing.T) {
	c := newContainer(t)
	wecom := robottest.WeCom(robottest.Options{Key: "k1"})
	dingtalk := robottest.DingTalk(robottest.Options{Key: "t1", Secret: "SECtest"})
	wecomURL, dingtalkURL := serveRobot(t, wecom), serveRobot(t, dingtalk)
	mail, hook := newMailSink(t), newWebhookSink(t)

	l := newLayout(t, shadowRules)
	must(t, os.WriteFile(filepath.Join(l.dir, "secret"), []byte("SECtest\n"), 0o600))
	p := start(t, l.dir, "run", l.config("0s", fmt.Sprintf(`
wecom_configs: [{url: "%s/cgi-bin/webhook/send?key=k1", msgtype: markdown}]
dingtalk_configs: [{url: "%s/robot/send?access_token=t1", secret_file: secret, at: {mobiles: ["13800000000"]}}]
email_configs: [{to: audit@example.org, from: tocsin@example.org, smarthost: %q, require_tls: false}]
webhook_configs: [{url: %q}]`, wecomURL, dingtalkURL, mail.addr, hook.URL), "render: {language: en, time_zone: Asia/Shanghai}"))

	// The shell outlives cat, so that the container's passwd can be read whatever else this machine does.
	c.run(t, 1000, "sh", "-c", "/bin/cat /etc/shadow; sleep 1")

	eventually(t, "every channel has the message", func() error {
		if w, d, m, h := len(wecom.Posts()), len(dingtalk.Posts()), len(mail.received()), len(hook.received()); min(w, d, m, h) == 0 {
			return fmt.Errorf("messages so far: wecom %d, dingtalk %d, mail %d, webhook %d; refused: %v %v", w, d, m, h, wecom.Refused(), dingtalk.Refused())
		}
		return nil
	})
	for channel, text := range map[string]string{
		"wecom": wecom.Posts()[0].Text, "dingtalk": dingtalk.Posts()[0].Text, "mail": decodeMail(t, mail.received()[0]),
	} {
		for _, want := range []string{"Shadow read", c.shortID(), "app", "cat", "sh", "/etc/shadow"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s message lacks %q:\n%s", channel, want, text)
			}
		}
	}
	if mentions := dingtalk.Posts()[0].Mentions; !slices.Contains(mentions, "13800000000") {
		t.Errorf("DingTalk mentions %v, want the configured mobile", mentions)
	}
	post := hook.received()[0]
	if post.Version != "4" || post.Status != "firing" || len(post.Alerts) != 1 {
		t.Fatalf("webhook payload = %+v, want version 4 with one firing alert", post)
	}
	for label, want := range map[string]string{"container_id": c.shortID(), "object": "/etc/shadow", "proc_exepath": "/bin/busybox", "priority": "Critical"} {
		if got := post.Alerts[0].Labels[label]; got != want {
			t.Errorf("label %s = %q, want %q", label, got, want)
		}
	}
	for annotation, want := range map[string]string{"user_name": "app", "proc_pname": "sh", "proc_cmdline": "cat /etc/shadow"} {
		if got := post.Alerts[0].Annotations[annotation]; !strings.HasPrefix(got, want) {
			t.Errorf("annotation %s = %q, want %q", annotation, got, want)
		}
	}

	time.Sleep(2 * time.Second) // two group intervals: nothing may come twice
	if w, d, m, h := len(wecom.Posts()), len(dingtalk.Posts()), len(mail.received()), len(hook.received()); max(w, d, m, h) != 1 {
		t.Errorf("messages: wecom %d, dingtalk %d, mail %d, webhook %d; want one each", w, d, m, h)
	}
	for _, secret := range []string{"key=k1", "access_token=t1", "SECtest"} {
		if strings.Contains(p.stderr.String(), secret) {
			t.Errorf("the secret %q is in the log", secret)
		}
	}
	if !strings.Contains(p.stdout.String(), `"rule":"Shadow read"`) {
		t.Errorf("stdout has no JSON line of the alert: %s", p.stdout)
	}
	p.stop(t)
}

func serveRobot(t *testing.T, r *robottest.Robot) string {
	t.Helper()
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	return s.URL
}
