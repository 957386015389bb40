package container

import (
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

// SetImage takes over an image's reference and what it says.
func SetImage(c *pipeline.Container, image string) {
	c.Image = image
	c.Repository, c.Tag, c.Digest = SplitImage(image)
}

// SplitImage splits an image reference: registry.example:5000/team/app:1.2@sha256:…
func SplitImage(image string) (repository, tag, digest string) {
	if IsImageID(image) {
		return "", "", "" // the id of an image whose name is not known
	}
	repository, digest, _ = strings.Cut(image, "@")
	if i := strings.LastIndexByte(repository, ':'); i > strings.LastIndexByte(repository, '/') {
		repository, tag = repository[:i], repository[i+1:]
	}
	return repository, tag, digest
}

// IsImageID reports whether a runtime named an image by its id alone: sha256:HEX or HEX.
func IsImageID(image string) bool {
	hex, prefixed := strings.CutPrefix(image, "sha256:")
	if !prefixed && len(hex) != 64 {
		return false
	}
	return strings.Trim(hex, "0123456789abcdef") == ""
}

// ImageID is an image's id without the name of its hash.
func ImageID(id string) string { return strings.TrimPrefix(id, "sha256:") }

// DigestIn is the digest that a runtime knows an image of a repository by, from references such as
// repository@sha256:…; that of another repository if there is only that: it is the same image.
func DigestIn(references []string, repository string) string {
	digest := ""
	for _, reference := range references {
		name, d, found := strings.Cut(reference, "@")
		if !found {
			continue
		}
		if name == repository || strings.HasSuffix(name, "/"+repository) { // docker.io/library/ is not written
			return d
		}
		digest = FirstOf(digest, d)
	}
	return digest
}
