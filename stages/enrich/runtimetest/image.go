package runtimetest

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	goruntime "runtime"
	"testing"
)

// Image is an image as an OCI archive (OCI image layout 1.0), whose one layer is a root file system.
type Image struct {
	Name    string
	ID      string // hex digits of its configuration's hash
	Digest  string // of its manifest, sha256:…
	Archive string // path of the file
}

// MakeImage writes the image of a root file system into the folder dir.
func MakeImage(t *testing.T, name, root, dir string) Image {
	t.Helper()
	files := map[string][]byte{"oci-layout": []byte(`{"imageLayoutVersion": "1.0.0"}`)}
	add := func(mediaType string, b []byte) map[string]any {
		sum := sha256.Sum256(b)
		hash := hex.EncodeToString(sum[:])
		files["blobs/sha256/"+hash] = b
		return map[string]any{"mediaType": mediaType, "digest": "sha256:" + hash, "size": len(b)}
	}
	layer := add("application/vnd.oci.image.layer.v1.tar", tarOf(t, root))
	config := add("application/vnd.oci.image.config.v1+json", jsonOf(t, map[string]any{
		"architecture": goruntime.GOARCH, "os": "linux",
		"config": map[string]any{"Entrypoint": []string{"/bin/sleep"}, "Cmd": []string{"600"}, "Env": []string{"PATH=/bin"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []any{layer["digest"]}},
	}))
	manifest := add("application/vnd.oci.image.manifest.v1+json", jsonOf(t, map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": []any{layer},
	}))
	digest := manifest["digest"].(string)
	manifest["annotations"] = map[string]string{"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
	files["index.json"] = jsonOf(t, map[string]any{"schemaVersion": 2, "manifests": []any{manifest}})
	path := filepath.Join(dir, "image.tar")
	if err := os.WriteFile(path, archive(t, files), 0o600); err != nil {
		t.Fatal(err)
	}
	return Image{Name: name, ID: config["digest"].(string)[len("sha256:"):], Digest: digest, Archive: path}
}

func jsonOf(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tarOf is a folder as an archive.
func tarOf(t *testing.T, dir string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func archive(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
