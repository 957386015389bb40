package deployment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tocsin-security/tocsin/pipeline"
)

// What a deployment may be made of, in bytes. All of it goes into messages.
const (
	maxSelector = 8   // labels
	maxValue    = 253 // of a label, the longest name in Kubernetes
	maxText     = 128 // of version, commit and by
	maxLink     = 1024
)

// labelName is what a label of an alert can be called.
var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]{0,127}$`)

// Parse reads what CI posts: one deployment, or an array of them. at is optional; without it a deployment is
// of now. Errors name the element, counted from 1, and its key.
func Parse(body []byte, now time.Time) ([]pipeline.Deployment, error) {
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return nil, errors.New("the body is empty: post a JSON object or an array of them")
	}
	raw := []json.RawMessage{body}
	if body[0] == '[' {
		if err := json.Unmarshal(body, &raw); err != nil {
			return nil, notJSON(err)
		}
		if len(raw) == 0 {
			return nil, errors.New("the array is empty: nothing to take")
		}
	}
	all := make([]pipeline.Deployment, len(raw))
	for i, one := range raw {
		d, err := parseOne(one, now)
		if err != nil {
			return nil, fmt.Errorf("deployment %d: %w", i+1, err)
		}
		all[i] = d
	}
	return all, nil
}

func notJSON(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("the body is not JSON: %w at byte %d", err, syntax.Offset)
	}
	return fmt.Errorf("the body is not JSON: %w", err)
}

// posted is a deployment as it is posted. Numbers and booleans are no text: a version 1.10 would become 1.1.
type posted struct {
	Selector map[string]string `json:"selector"`
	Version  string            `json:"version"`
	Commit   string            `json:"commit"`
	By       string            `json:"by"`
	At       string            `json:"at"`
	Link     string            `json:"link"`
}

func parseOne(body []byte, now time.Time) (pipeline.Deployment, error) {
	var p posted
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return pipeline.Deployment{}, wrongShape(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return pipeline.Deployment{}, fmt.Errorf("the body is not JSON: more follows the object at byte %d: post an array of deployments", dec.InputOffset())
	}
	at, err := parseAt(p.At, now)
	err = errors.Join(checkSelector(p.Selector), checkText("version", p.Version, maxText, true), checkText("commit", p.Commit, maxText, false),
		checkText("by", p.By, maxText, false), err, checkLink(p.Link))
	if err != nil {
		return pipeline.Deployment{}, err
	}
	return pipeline.Deployment{Selector: p.Selector, Version: p.Version, Commit: p.Commit, By: p.By, At: at, Link: p.Link}, nil
}

// wrongShape says in words what encoding/json says of a value that does not fit.
func wrongShape(err error) error {
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &typ) && typ.Field == "":
		return fmt.Errorf("a deployment is a JSON object, not a %s", typ.Value)
	case errors.As(err, &typ) && typ.Field == "selector":
		return fmt.Errorf("selector: write an object of labels and their values, all of them text: {\"k8s_ns_name\": \"shop\"}; there is a %s", typ.Value)
	case errors.As(err, &typ):
		return fmt.Errorf("%s: write text in quotes, not a %s", typ.Field, typ.Value)
	}
	if _, field, ok := strings.Cut(err.Error(), "unknown field "); ok {
		return fmt.Errorf("unknown key %s: known are selector, version, commit, by, at and link", field)
	}
	return notJSON(err)
}

func checkSelector(selector map[string]string) error {
	if len(selector) == 0 {
		return errors.New("selector: at least one label of the alerts it is about is needed: {\"k8s_ns_name\": \"shop\", \"container_name\": \"web\"}")
	}
	if len(selector) > maxSelector {
		return fmt.Errorf("selector: %d labels, at most %d are taken", len(selector), maxSelector)
	}
	for _, name := range slices.Sorted(maps.Keys(selector)) {
		value := selector[name]
		switch {
		case !labelName.MatchString(name):
			return fmt.Errorf("selector: %.80q is no name of a label: letters, digits and _", name)
		case value == "*":
			return fmt.Errorf("selector.%s: * alone is every alert that has the label: write what stands before it", name)
		case strings.Contains(strings.TrimSuffix(value, "*"), "*"):
			return fmt.Errorf("selector.%s: a * stands at the end only, for any rest", name)
		}
		if err := checkText("selector."+name, value, maxValue, true); err != nil {
			return err
		}
	}
	return nil
}

// checkText refuses what would not fit into a line of a message.
func checkText(key, text string, longest int, required bool) error {
	switch {
	case text == "" && required:
		return fmt.Errorf("%s: is required", key)
	case len(text) > longest:
		return fmt.Errorf("%s: %d bytes, at most %d are taken", key, len(text), longest)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return fmt.Errorf("%s: has characters that cannot be shown", key)
	default:
		return nil
	}
}

func parseAt(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return now.UTC(), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("at: %.40q is no time as RFC 3339 has it: 2026-07-01T10:00:00Z", text)
	case at.After(now.Add(skew)):
		return time.Time{}, fmt.Errorf("at: %s is in the future, by more than the %v that clocks may disagree: it is %s here", text, skew, now.UTC().Format(time.RFC3339))
	case at.Year() < 2000:
		return time.Time{}, fmt.Errorf("at: %s is before there were deployments", text)
	}
	return at.UTC(), nil
}

// checkLink lets a link be only what a browser opens: javascript: would run on whoever clicks.
func checkLink(link string) error {
	if link == "" {
		return nil
	}
	u, err := url.Parse(link)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("link: %.80q is no http or https address", link)
	}
	return checkText("link", link, maxLink, false)
}
