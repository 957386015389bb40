package containerd

import (
	"context"

	imagesapi "github.com/containerd/containerd/api/services/images/v1"

	"github.com/tocsin-security/tocsin/stages/enrich/container"
)

// setDigest gives a container the digest that its image has in the image store. The CRI plugin also keeps
// images by the name of their id, under which nobody can put another image in the meantime; for others the
// tag is asked, which may have moved since the container was made.
func setDigest(d *container.Described, digest func(image string) string) {
	c := d.Container
	if c.Digest != "" || c.Image == "" {
		return
	}
	if c.ImageID != "" {
		c.Digest = digest("sha256:" + c.ImageID)
	}
	if c.Digest == "" {
		c.Digest = digest(c.Image)
	}
}

// digest is that of an image, "" if there is none of that name: a container outlives the name.
func (e *Engine) digest(ctx context.Context, image string) string {
	resp, err := e.images.Get(ctx, &imagesapi.GetImageRequest{Name: image})
	if err != nil {
		e.log.Debug("image not read", "image", image, "err", err)
		return ""
	}
	return resp.GetImage().GetTarget().GetDigest()
}

// listDigests are the digests of all images of a namespace, by name.
func (e *Engine) listDigests(ctx context.Context) (map[string]string, error) {
	resp, err := e.images.List(ctx, &imagesapi.ListImagesRequest{})
	if err != nil {
		return nil, err
	}
	digests := make(map[string]string, len(resp.GetImages()))
	for _, image := range resp.GetImages() {
		digests[image.GetName()] = image.GetTarget().GetDigest()
	}
	return digests, nil
}
