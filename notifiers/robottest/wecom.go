package robottest

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"
)

// WeCom returns a robot that behaves like WeCom's.
func WeCom(o Options) *Robot {
	return newRobot(o, vendor{
		authorise: func(r *Robot, req *http.Request) Code {
			if r.opts.Key != "" && req.URL.Query().Get("key") != r.opts.Key {
				return Code{93000, "invalid webhook url, hint: [test]"}
			}
			return ok
		},
		read:      readWeCom,
		perMinute: 20,
		tooLong:   Code{40058, "markdown.content exceed max length 4096"},
		tooFast:   Code{45009, "api freq out of limit"},
	})
}

var inlineMention = regexp.MustCompile(`<@([^>]+)>`)

func readWeCom(r *Robot, req *http.Request, body []byte) (Post, Code) {
	if strings.HasSuffix(req.URL.Path, "/upload_media") {
		return r.upload(req, body)
	}
	var m weComMessage
	if code := decode(body, &m, 40008); code != ok {
		return Post{}, code
	}
	p, limit, code := m.post(r)
	if code != ok {
		return p, code
	}
	switch {
	case p.Text == "":
		return p, Code{44004, "text content is empty"}
	case len(p.Text) > limit:
		return p, Code{40058, fmt.Sprintf("%s.content exceed max length %d", m.MsgType, limit)}
	case !utf8.ValidString(p.Text):
		return p, Code{40033, "invalid charset"}
	}
	return p, ok
}

// weComMessage is any message that a robot takes.
type weComMessage struct {
	MsgType  string `json:"msgtype"`
	Markdown struct {
		Content string `json:"content"`
	} `json:"markdown"`
	V2 struct {
		Content string `json:"content"`
	} `json:"markdown_v2"`
	Card weComCard `json:"template_card"`
	News struct {
		Articles []struct {
			Title       string `json:"title"`
			Description string `json:"description"`
			URL         string `json:"url"`
		} `json:"articles"`
	} `json:"news"`
	File struct {
		MediaID string `json:"media_id"`
	} `json:"file"`
	Image struct {
		Base64 string `json:"base64"`
		MD5    string `json:"md5"`
	} `json:"image"`
	Text struct {
		Content string   `json:"content"`
		Users   []string `json:"mentioned_list"`
		Mobiles []string `json:"mentioned_mobile_list"`
	} `json:"text"`
}

// post reads a message by its type. limit is of the text, in bytes.
func (m *weComMessage) post(r *Robot) (p Post, limit int, code Code) {
	p = Post{Type: m.MsgType}
	switch m.MsgType {
	case "markdown":
		p.Text, limit = m.Markdown.Content, 4096
		for _, match := range inlineMention.FindAllStringSubmatch(p.Text, -1) {
			p.Mentions = append(p.Mentions, match[1])
		}
	case "text":
		p.Text, limit = m.Text.Content, 2048
		p.Mentions = append(m.Text.Users, m.Text.Mobiles...)
	case "markdown_v2":
		p.Text, limit = m.V2.Content, 4096
	case "template_card":
		if p.Buttons, p.Text = m.Card.buttons(), m.Card.text(); m.Card.wrong() {
			return p, 0, Code{40058, "invalid parameter of template_card"}
		}
		p.Title, limit = m.Card.Main.Title, 1<<20
	case "news":
		if len(m.News.Articles) == 0 || m.News.Articles[0].URL == "" || m.News.Articles[0].Title == "" {
			return p, 0, Code{40058, "invalid parameter of news"}
		}
		p.Title, p.Text, limit = m.News.Articles[0].Title, m.News.Articles[0].Description, 512
		p.Buttons = []string{m.News.Articles[0].URL}
	case "file":
		text, there := r.files[m.File.MediaID]
		if !there {
			return p, 0, Code{40007, "invalid media_id"}
		}
		p.Text, limit = text, 20<<20
	case "image":
		content, err := base64.StdEncoding.DecodeString(m.Image.Base64)
		if sum := md5.Sum(content); err != nil || hex.EncodeToString(sum[:]) != m.Image.MD5 || len(content) > 2<<20 {
			return p, 0, Code{40009, "invalid image size, base64 or md5"}
		}
		p.Text, limit = http.DetectContentType(content), 64
	default:
		return p, 0, Code{40008, "invalid message type"}
	}
	return p, limit, ok
}

// weComCard is a card of type text_notice.
type weComCard struct {
	CardType string `json:"card_type"`
	Main     struct {
		Title string `json:"title"`
	} `json:"main_title"`
	Emphasis struct {
		Title string `json:"title"`
	} `json:"emphasis_content"`
	Sub  string `json:"sub_title_text"`
	Rows []struct {
		Name  string `json:"keyname"`
		Value string `json:"value"`
	} `json:"horizontal_content_list"`
	Jumps []struct {
		Type  int    `json:"type"`
		Title string `json:"title"`
		URL   string `json:"url"`
	} `json:"jump_list"`
	Action struct {
		Type int    `json:"type"`
		URL  string `json:"url"`
	} `json:"card_action"`
}

func (c weComCard) wrong() bool {
	return c.CardType != "text_notice" || c.Main.Title == "" && c.Sub == "" || len(c.Rows) > 6 || len(c.Jumps) > 3 || c.Action.Type != 1 || c.Action.URL == ""
}

func (c weComCard) text() string {
	text := c.Emphasis.Title + c.Sub
	for _, r := range c.Rows {
		text += "\n" + r.Name + ": " + r.Value
	}
	return text
}

func (c weComCard) buttons() (all []string) {
	for _, j := range c.Jumps {
		all = append(all, j.Title+" "+j.URL)
	}
	return all
}

// upload takes a file, and says by which id it can be posted.
func (r *Robot) upload(req *http.Request, body []byte) (Post, Code) {
	_, boundary, _ := strings.Cut(req.Header.Get("Content-Type"), "boundary=")
	p, err := multipart.NewReader(bytes.NewReader(body), boundary).NextPart()
	if err != nil || p.FormName() != "media" || p.FileName() == "" || req.URL.Query().Get("type") != "file" {
		return Post{}, Code{40058, "invalid upload"}
	}
	content, err := io.ReadAll(p)
	if err != nil || len(content) <= 5 {
		return Post{}, Code{40006, "invalid file size"}
	}
	id := fmt.Sprint("media-", len(r.files)+1)
	r.files[id] = string(content)
	return Post{uploaded: id}, ok
}
