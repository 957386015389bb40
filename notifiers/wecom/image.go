package wecom

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
)

// maxImage is in bytes before they are encoded: developer.work.weixin.qq.com, "message push".
const maxImage = 2 << 20

// image is a picture, with the hash that WeCom checks it by.
type image struct {
	Base64 string `json:"base64"`
	MD5    string `json:"md5"` // of the picture itself, in hex
}

// readImage reads a picture that WeCom takes; nil: there is no file.
func readImage(file string) (*image, error) {
	if file == "" {
		return nil, nil
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("image_file: %w", err)
	}
	if info.Size() > maxImage {
		return nil, fmt.Errorf("image_file %s has %d bytes: WeCom takes up to %d; make it smaller", file, info.Size(), maxImage)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("image_file: %w", err)
	}
	switch kind := http.DetectContentType(content); kind {
	case "image/png", "image/jpeg":
	default:
		return nil, fmt.Errorf("image_file %s is %s: WeCom takes PNG and JPEG", file, kind)
	}
	sum := md5.Sum(content)
	return &image{base64.StdEncoding.EncodeToString(content), hex.EncodeToString(sum[:])}, nil
}
