package router

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tocsin-security/tocsin/pipeline"
)

// maxAnswer is how much of what a channel said is kept for people who ask.
const maxAnswer = 500

// answer is why a delivery failed, in a line: what the channel said, without what everybody knows who asks.
func answer(err error) string {
	text := err.Error()
	if panicked := (*panicError)(nil); errors.As(err, &panicked) {
		text = fmt.Sprintf("panic: %v", panicked.value)
	} else if refused := (*pipeline.DeliveryError)(nil); errors.As(err, &refused) && refused.Err != nil {
		text = refused.Err.Error()
	}
	if len(text) > maxAnswer {
		text = strings.ToValidUTF8(text[:maxAnswer], "") + "…"
	}
	return strings.Join(strings.Fields(text), " ")
}
