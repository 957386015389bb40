package notifiers

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Spec is what a receiver's configuration says about the text of its messages. It has the fields of
// render.Spec, so that one converts to the other.
type Spec struct {
	Kind  string // kind of message text: wecom, wecom_text, dingtalk, feishu, feishu_text, email, webhook, stdout
	Title string // Go templates; empty means the built-in text
	Body  string
	HTML  string
}

// ID names a channel: kind, "-", and 8 hex digits of a hash of its address. It stays the same when the
// configuration is reordered, and two configurations of one robot share it. address may be secret.
func ID(kind, address string) string {
	sum := sha256.Sum256([]byte(address))
	return kind + "-" + hex.EncodeToString(sum[:4])
}

// ReadSecret returns value, or the content of file without the white space around it. name is the
// configuration key of value, for errors; its twin is name_file.
func ReadSecret(name string, value pipeline.Secret, file string) (pipeline.Secret, error) {
	if file == "" {
		return value, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read %s_file: %w", name, err)
	}
	s := strings.TrimSpace(string(b))
	if s == "" {
		return "", fmt.Errorf("read %s_file: %s is empty", name, file)
	}
	return pipeline.Secret(s), nil
}

// OneOf checks a setting and its _file twin, which exclude each other.
func OneOf(name string, value pipeline.Secret, file string) error {
	if value != "" && file != "" {
		return fmt.Errorf("%s and %s_file: set only one of them", name, name)
	}
	return nil
}

// ParseURL reads an address that requests are posted to. The error does not show it.
func ParseURL(s pipeline.Secret) (*url.URL, error) {
	if strings.Contains(string(s), "{{") { // Alertmanager's webhook has such; as it stands it would be posted to
		return nil, errors.New("url: an address is no template here: write one receiver for each address, and a route to each")
	}
	u, err := url.Parse(string(s))
	if err != nil {
		// A *url.Error would print the address, and with it the key.
		return nil, fmt.Errorf("url: %w", withoutURL(err))
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("url: use an absolute http or https address")
	}
	return u, nil
}

func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
