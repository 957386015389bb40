package wecom

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

// maxFile is how large a file may be: 20 MB; the rest is a margin for what is around it.
const maxFile = 19 << 20

type file struct {
	MediaID string `json:"media_id"`
}

// sendFile uploads a text and posts it as a file, unless an earlier attempt did. What is uploaded and not posted goes after
// three days.
func (r *Robot) sendFile(ctx context.Context, id, text string) error {
	const name = "file"
	if r.parts.Sent(id, name) {
		return nil
	}
	media, err := r.upload(ctx, text)
	if err != nil {
		return err
	}
	return r.sendPart(ctx, id, only(name, request{MsgType: "file", File: &file{media}}))
}

// upload gives the robot a file: developer.work.weixin.qq.com, "message push", upload_media. It is the robot's alone.
func (r *Robot) upload(ctx context.Context, text string) (media string, err error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	w, err := form.CreateFormFile("media", "alerts.txt")
	if err == nil {
		_, err = w.Write([]byte(text[:min(len(text), maxFile)]))
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		return "", r.client.Fail(pipeline.BadMessage, fmt.Errorf("encode the file: %w", err))
	}
	u := *r.url
	u.Path = strings.TrimSuffix(u.Path, "/send") + "/upload_media"
	q := u.Query()
	q.Set("type", "file")
	u.RawQuery = q.Encode()
	header := r.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", form.FormDataContentType())
	answer, err := r.client.Post(ctx, &u, body.Bytes(), header)
	if err != nil {
		return "", notifiers.NotSent(err)
	}
	code, err := notifiers.RobotCode(answer.Body)
	if err != nil {
		return "", r.client.Fail(pipeline.Retry, err)
	}
	if code.Code != 0 {
		return "", r.refusal("upload", code)
	}
	var a struct {
		MediaID string `json:"media_id"`
	}
	if err := json.Unmarshal(answer.Body, &a); err != nil || a.MediaID == "" {
		return "", r.client.Fail(pipeline.Retry, fmt.Errorf("upload: the answer has no media_id: %s", notifiers.Excerpt(answer.Body)))
	}
	return a.MediaID, nil
}
