package container

import (
	"testing"
)

func TestSplitImage(t *testing.T) {
	for image, want := range map[string][3]string{
		"nginx":      {"nginx", "", ""},
		"nginx:1.25": {"nginx", "1.25", ""},
		"registry.example.org/library/nginx:1.25": {"registry.example.org/library/nginx", "1.25", ""},
		"localhost:5000/app":                      {"localhost:5000/app", "", ""},
		"localhost:5000/team/app:v1":              {"localhost:5000/team/app", "v1", ""},
		"registry.example.org/a/b@sha256:0a1b":    {"registry.example.org/a/b", "", "sha256:0a1b"},
		"localhost:5000/a/b:v2@sha256:0a1b":       {"localhost:5000/a/b", "v2", "sha256:0a1b"},
		"sha256:0a1b":                             {"", "", ""},
		"":                                        {"", "", ""},
	} {
		repository, tag, digest := SplitImage(image)
		if got := [3]string{repository, tag, digest}; got != want {
			t.Errorf("SplitImage(%q) = %q, want %q", image, got, want)
		}
	}
}

func TestDigestIn(t *testing.T) {
	for sentence, c := range map[string]struct {
		references []string
		repository string
		want       string
	}{
		"the repository's own":                     {[]string{"a/x@sha256:1", "b/y@sha256:2"}, "b/y", "sha256:2"},
		"the registry need not be written":         {[]string{"q/nginx2@sha256:1", "docker.io/library/nginx@sha256:2"}, "nginx", "sha256:2"},
		"another repository's, if there is no own": {[]string{"id", "a/x@sha256:1", "a/z@sha256:3"}, "b/y", "sha256:1"},
		"none": {[]string{"sha256:0a"}, "b/y", ""},
	} {
		if got := DigestIn(c.references, c.repository); got != c.want {
			t.Errorf("%s: DigestIn(%q, %q) = %q, want %q", sentence, c.references, c.repository, got, c.want)
		}
	}
}

func TestIsImageID(t *testing.T) {
	const hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for image, want := range map[string]bool{"sha256:0a": true, hex: true, hex[:12]: false, "nginx": false, "sha256:xyz": false, "": false} {
		if got := IsImageID(image); got != want {
			t.Errorf("IsImageID(%q) = %v, want %v", image, got, want)
		}
	}
}
