package finding

import (
	"regexp"
	"strings"

	"github.com/distribution/reference"
)

// digest is a digest of an image, or its id.
var digest = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// digestIn finds the digest in "repo@sha256:…" or in "sha256:…"; "" when there is none.
func digestIn(s string) string { return digest.FindString(s) }

// tagged is an image's name with its tag, as every tool would have it: nginx is docker.io/library/nginx:latest.
// "" when there is neither, or what is there is no name.
func tagged(name string) string {
	name, _, _ = strings.Cut(name, "@")
	if name == "" || digest.MatchString(name) {
		return ""
	}
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return ""
	}
	withTag, ok := reference.TagNameOnly(named).(reference.Tagged)
	if !ok {
		return ""
	}
	return named.Name() + ":" + withTag.Tag()
}

// imageSubjects are what an image is found by, the most certain first: digests, its id, tags.
func imageSubjects(digests []string, id string, tags []string) []string {
	var all []string
	add := func(name string) {
		subject := "image " + name
		for _, one := range all {
			if one == subject {
				return
			}
		}
		if name != "" {
			all = append(all, subject)
		}
	}
	for _, d := range digests {
		add(digestIn(d))
	}
	add(digestIn(id))
	for _, t := range tags {
		add(tagged(t))
	}
	return all
}
