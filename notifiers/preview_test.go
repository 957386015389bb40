package notifiers

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// With a preview nothing reaches the other side, and the sender is told that it was taken.
func TestPreviewSendsNothing(t *testing.T) {
	arrived := 0
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived++ }))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := NewClient("oncall", u, ClientConfig{})
	var shown []Request
	answer, err := c.Post(Preview(t.Context(), func(r Request) { shown = append(shown, r) }), u, []byte("body"), nil)
	if err != nil || arrived != 0 || len(shown) != 1 || string(shown[0].Body) != "body" || shown[0].Method != http.MethodPost {
		t.Errorf("Post = %v; %d requests arrived, shown %v", err, arrived, shown)
	}
	if code, err := RobotCode(answer.Body); err != nil || code.Code != 0 {
		t.Errorf("the answer is %q, want one that robots give", answer.Body)
	}
	if _, err := c.Post(t.Context(), u, nil, nil); err != nil || arrived != 1 {
		t.Errorf("Post without a preview = %v, %d requests arrived", err, arrived)
	}
}
