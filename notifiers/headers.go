package notifiers

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/tocsin-security/tocsin/pipeline"
)

// Header is what a header of http_headers holds: all of these, in this order.
type Header struct {
	Values  []string          `yaml:"values"`
	Secrets []pipeline.Secret `yaml:"secrets"`
	Files   []string          `yaml:"files"` // each holds one value
}

// ownRequestHeaders are set by what sends a request.
var ownRequestHeaders = []string{"Authorization", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Host",
	"Proxy-Authorization", "Transfer-Encoding", "User-Agent", "Webhook-Id"}

func validateHeaders(headers map[string]Header) error {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case slices.Contains(ownRequestHeaders, canonical):
			return fmt.Errorf("http_config.http_headers: %s is set by tocsin or by keys of its own, such as authorization", canonical)
		case !httpguts.ValidHeaderFieldName(name):
			return fmt.Errorf("http_config.http_headers: %q is no name of a header", name)
		case slices.ContainsFunc(headers[name].Values, unfit), slices.ContainsFunc(headers[name].Secrets, unfit):
			return fmt.Errorf("http_config.http_headers: a value of %s holds a line break or another control character", canonical)
		}
	}
	return nil
}

// unfit is a value with which no request is sent.
func unfit[S ~string](value S) bool { return !httpguts.ValidHeaderFieldValue(string(value)) }

// readHeaders reads the files among them. What is secret or in a file is in secrets too.
func readHeaders(headers map[string]Header) (all http.Header, secrets []string, err error) {
	all = http.Header{}
	for name, h := range headers {
		for _, v := range h.Values {
			all.Add(name, v)
		}
		hidden := slices.Clone(h.Secrets)
		for i, file := range h.Files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, nil, fmt.Errorf("read http_config.http_headers.%s.files[%d]: %w", name, i, err)
			}
			value := pipeline.Secret(strings.TrimSpace(string(text)))
			if unfit(value) {
				return nil, nil, fmt.Errorf("read http_config.http_headers.%s.files[%d]: %s holds more than one line, or a control character", name, i, file)
			}
			hidden = append(hidden, value)
		}
		for _, v := range hidden {
			all.Add(name, string(v))
			secrets = append(secrets, string(v))
		}
	}
	return all, secrets, nil
}
