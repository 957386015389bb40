package wecom

import (
	"bytes"
	gopicture "image"
	"image/png"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-security/tocsin/notifiers/notifiertest"
	"github.com/tocsin-security/tocsin/notifiers/robottest"
	"github.com/tocsin-security/tocsin/pipeline"
)

// The picture follows what fires, at the cost of a message; what is over comes without.
func TestImageFollowsTheText(t *testing.T) {
	var picture bytes.Buffer
	if err := png.Encode(&picture, gopicture.NewGray(gopicture.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "whom-to-call.png")
	if err := os.WriteFile(file, picture.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	robot := robottest.WeCom(robottest.Options{Key: key})
	n := newRobot(t, serve(t, robot), func(c *Config) { c.ImageFile = file })
	m := notifiertest.Message()
	if err := n.Notify(t.Context(), m); err != nil || n.Cost(m) != 2 {
		t.Fatalf("Notify = %v, cost %d, want 2", err, n.Cost(m))
	}
	posts := robot.Posts()
	if len(posts) != 2 || posts[0].Type != "markdown" || posts[1].Type != "image" || posts[1].Text != "image/png" {
		t.Errorf("posts %+v, want the text and then the picture", posts)
	}
	m.ID, m.Alerts = "over", []pipeline.Alert{{Stateful: &pipeline.Stateful{EndsAt: time.Unix(1, 0)}}}
	if err := n.Notify(t.Context(), m); err != nil || len(robot.Posts()) != 3 {
		t.Errorf("Notify = %v, %d posts, want the text of what is over alone", err, len(robot.Posts())-2)
	}
}

func TestImageIsCheckedAtLoad(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"text.png":  []byte("no picture"),
		"large.png": append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, maxImage)...),
		"":          nil, // is not there
	} {
		file := filepath.Join(dir, name)
		if name == "" {
			file += "/none.png"
		} else if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := DefaultConfig()
		cfg.URL, cfg.ImageFile = "http://127.0.0.1:1/send?key=k", file
		if _, err := New(cfg, "oncall", slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "image_file") {
			t.Errorf("%q: %v, want an error about image_file", name, err)
		}
	}
}
