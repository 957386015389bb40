package feishu

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tocsin-security/tocsin/notifiers"
	"github.com/tocsin-security/tocsin/pipeline"
)

const (
	codeSign    = 19021 // the signature is wrong, or of another hour
	codeTooMany = 11232 // too many messages

	codeTooLong   = 19036
	codeMalformed = 9499 // or too long: it does not say which
)

// pause is how long a robot is left alone that had too many messages. Its quota is by the second, too, and Feishu names no
// penalty: who sends makes it longer when that was not enough.
const pause = time.Second

// readAnswer reads a robot's answer. code decides; older deployments have StatusCode instead. HTTP 200 is not success.
func readAnswer(body []byte) (notifiers.Code, error) {
	var a struct {
		Code       *int   `json:"code"`
		Message    string `json:"msg"`
		OldCode    *int   `json:"StatusCode"`
		OldMessage string `json:"StatusMessage"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return notifiers.Code{}, fmt.Errorf("the answer is not a robot's: %w: %s", err, notifiers.Excerpt(body))
	}
	switch {
	case a.Code != nil:
		return notifiers.Code{Code: *a.Code, Message: notifiers.Excerpt([]byte(a.Message))}, nil
	case a.OldCode != nil:
		return notifiers.Code{Code: *a.OldCode, Message: notifiers.Excerpt([]byte(a.OldMessage))}, nil
	default:
		return notifiers.Code{}, errors.New("the answer is not a robot's: no code: " + notifiers.Excerpt(body))
	}
}

// outcomeOf reads an error code: open.feishu.cn, "custom bot"; 19036 is from clients' logs.
func outcomeOf(code int) (class pipeline.DeliveryClass, meaning string) {
	switch code {
	case codeTooMany:
		return pipeline.Retry, "too many messages, by us or by all: Feishu is busy at full and half hours"
	case 19001:
		return pipeline.ChannelDown, "the address is wrong, or the robot was removed from its group"
	case codeSign:
		return pipeline.ChannelDown, "the signature was refused: check secret and this machine's clock"
	case 19022:
		return pipeline.ChannelDown, "this machine's address is not on the robot's list"
	case 19024:
		return pipeline.BadMessage, "no keyword of the robot is in the message: list them under keywords"
	case codeMalformed:
		return pipeline.BadMessage, "the request is malformed or too long"
	case codeTooLong:
		return pipeline.BadMessage, "the message is too long"
	default:
		return pipeline.BadMessage, "unknown code"
	}
}
