package render

import (
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tocsin-security/tocsin/pipeline"
	"github.com/tocsin-security/tocsin/templates"
)

var images = flag.String("images", "", "folder to write pictures of messages to, with the chromium of this machine; make docs-images")

// Pictures of built-in messages, for the documentation and for whoever changes a text to look at.
func TestDocsImages(t *testing.T) {
	if *images == "" {
		t.Skip("run make docs-images to draw them")
	}
	for name, file := range map[string]string{"firing": "picture.txtar", "digest": "digest.txtar"} {
		archive, err := txtar.ParseFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		var n pipeline.Notification
		if err := json.Unmarshal(archive.Files[0].Data, &n); err != nil {
			t.Fatal(err)
		}
		for _, language := range []string{"zh", "en"} {
			r := newRenderer(t, linkedConfig(language))
			for kind, width := range map[string]int{templates.WeCom: 460, templates.DingTalk: 460, templates.Email: 720} {
				m, err := r.Render(n, Spec{Kind: kind})
				if err != nil {
					t.Fatal(err)
				}
				drawPage(t, lookalike(m), width, filepath.Join(*images, kind+"-"+name+"-"+language+".png"))
			}
		}
	}
}

// drawPage has chromium draw a page that asks for nothing from elsewhere.
func drawPage(t *testing.T, page string, width int, file string) {
	t.Helper()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "page.html"), filepath.Join(dir, "page.png")
	if err := os.WriteFile(from, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	const height = 1400 // more than any has: what is empty is cut off
	args := []string{"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=" + dir, "--host-resolver-rules=MAP * ~NOTFOUND",
		"--screenshot=" + to, "--window-size=" + fmt.Sprintf("%d,%d", width, height), "file://" + from}
	if said, err := exec.CommandContext(t.Context(), "chromium", args...).CombinedOutput(); err != nil {
		t.Fatalf("chromium: %v: %s", err, said)
	}
	drawn, err := os.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	defer drawn.Close() // only read
	picture, err := png.Decode(drawn)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(out, withoutFoot(picture)); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if size, err := os.Stat(file); err != nil || size.Size() > 150_000 {
		t.Errorf("%s: %v, or more than 150 kB", file, err)
	}
}

// withoutFoot cuts off the rows at the bottom that are all background, but for a margin.
func withoutFoot(picture image.Image) image.Image {
	b := picture.Bounds()
	background := picture.At(b.Max.X-1, b.Max.Y-1)
	last := b.Max.Y - 1
	empty := func(y int) bool {
		for x := b.Min.X; x < b.Max.X; x++ {
			if picture.At(x, y) != background {
				return false
			}
		}
		return true
	}
	for last > b.Min.Y && empty(last) {
		last--
	}
	cut := image.NewRGBA(image.Rect(0, 0, b.Dx(), min(last+16, b.Max.Y)-b.Min.Y))
	draw.Draw(cut, cut.Bounds(), picture, b.Min, draw.Src)
	return cut
}
